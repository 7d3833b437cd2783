"""Windows: what Claude Code 2.1.330 reports for each model and variable, case by case."""

import pytest

from fourfold_tools.context.windows import window_tokens

DEFAULT = 200_000
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("claude-opus-5-5", MILLION),
        ("claude-sonnet-5-5", MILLION),
        ("claude-haiku-5-5", MILLION),
        ("claude-fable-5-2", MILLION),
        ("claude-mythos-5-1", MILLION),
        ("claude-opus-4-7", MILLION),
        ("claude-opus-4-7@20260101", MILLION),
        ("claude-opus-4-6", DEFAULT),
        ("claude-sonnet-4-6", DEFAULT),
        ("claude-sonnet-4-5", DEFAULT),
        ("claude-sonnet-4-5[1m]", MILLION),
        ("claude-sonnet-4-5-20250929[1M]", MILLION),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", DEFAULT),
        ("claude-opus-4-20250514", DEFAULT),
        ("claude-haiku-4-5-20251001", DEFAULT),
        ("claude-3-7-sonnet-latest", DEFAULT),
        ("claude-opus-6", MILLION),
        ("claude-haiku-5", MILLION),
        ("claude-sonnet-4-9", DEFAULT),
        ("gpt-x", DEFAULT),
        ("", DEFAULT),
        (None, DEFAULT),
    ],
)
def test_a_model_has_its_window(model: str | None, window: int) -> None:
    assert window_tokens(model, None, {}, DEFAULT) == window


@pytest.mark.parametrize(
    ("model", "env", "window"),
    [
        # CLAUDE_CODE_MAX_CONTEXT_TOKENS alone moves only models that the client does not know.
        ("claude-opus-5-5", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000"}, MILLION),
        ("claude-sonnet-4-5", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000"}, 200_000),
        ("claude-haiku-5", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000"}, 300_000),
        ("gpt-x", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000"}, 300_000),
        ("gpt-x", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "5000000"}, 5_000_000),
        ("gpt-x[1m]", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000"}, MILLION),
        (
            "gpt-x",
            {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000", "CLAUDE_CODE_DISABLE_1M_CONTEXT": "1"},
            300_000,
        ),
        # With DISABLE_COMPACT it moves every model.
        ("claude-opus-5-5", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000", "DISABLE_COMPACT": "1"}, 300_000),
        (
            "claude-opus-5-5",
            {
                "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000",
                "DISABLE_COMPACT": "1",
                "CLAUDE_CODE_DISABLE_1M_CONTEXT": "1",
            },
            300_000,
        ),
        ("claude-opus-5-5", {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000", "DISABLE_AUTO_COMPACT": "1"}, MILLION),
        ("claude-opus-5-5", {"CLAUDE_CODE_DISABLE_1M_CONTEXT": "1"}, 200_000),
        ("claude-opus-5-5", {"CLAUDE_CODE_DISABLE_1M_CONTEXT": "yes"}, 200_000),
        ("claude-opus-5-5", {"CLAUDE_CODE_DISABLE_1M_CONTEXT": "0"}, MILLION),
        ("claude-sonnet-4-5[1m]", {"CLAUDE_CODE_DISABLE_1M_CONTEXT": "1"}, 200_000),
        ("claude-opus-5-5", {"CLAUDE_CODE_AUTO_COMPACT_WINDOW": "150000"}, MILLION),
    ],
)
def test_variables_move_a_window_as_they_do_in_the_client(model: str, env: dict[str, str], window: int) -> None:
    assert window_tokens(model, None, env, DEFAULT) == window


@pytest.mark.parametrize("text", ["", "0", "-5", "lots", "1.5", "٣", "9" * 40])
def test_a_variable_that_is_no_number_of_tokens_is_ignored(text: str) -> None:
    assert window_tokens("gpt-x", None, {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": text}, DEFAULT) == DEFAULT


@pytest.mark.parametrize(("used", "window"), [(200_000, DEFAULT), (200_001, MILLION), (1_500_000, 1_500_000)])
def test_an_unknown_model_that_uses_more_than_assumed_has_a_larger_window(used: int, window: int) -> None:
    assert window_tokens("gpt-x", used, {}, DEFAULT) == window


def test_a_known_model_keeps_its_window_whatever_it_uses() -> None:
    assert window_tokens("claude-sonnet-4-5", 210_000, {}, DEFAULT) == 200_000
