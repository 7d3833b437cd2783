"""Spreading: a step with references and lists becomes the calls that run, with literal arguments. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.model.faults import faults_of
from fourfold_tools.model.output import Json, as_list
from fourfold_tools.model.request import SPREAD, AnyStep, BashStep, Reference, arguments_with_references, references

Values = Callable[[Reference], Json]


@dataclass(frozen=True, slots=True)
class Spread:
    """What a ready step turns into: itself (`parts` of one, `single`), or one part per item.

    left_out: items beyond `max_items`, which do not run.
    """

    parts: tuple[AnyStep, ...]
    single: bool
    left_out: int = 0


def spread(step: AnyStep, values: Values, default_items: int) -> Spread:
    """Put the values of references in and spread lists over parts.

    A reference without `each` is put in whole: a list stays a list (many arguments of a command, many lines of
    stdin, many paths). The one reference with `each` makes a part per item.

    Raises:
        InvalidRequest: a value that the argument cannot take.
    """
    refs = arguments_with_references(step)
    if not refs:
        return _over_lists([step], single=True)
    each = next((r for r in references(list(refs.values())) if r.each), None)
    if each is None:
        return _over_lists([_filled(step, refs, values, None)], single=True)
    value = values(each)
    items = as_list(value)
    bound = each.max_items or default_items
    filled = [_filled(step, refs, values, (each, item)) for item in items[:bound]]
    whole = _over_lists(filled, single=False)
    return Spread(whole.parts, single=False, left_out=len(items) - len(filled))


def check_references(index: int, step: AnyStep, fields: Callable[[Reference], tuple[str, ...] | None]) -> list[Fault]:
    """The faults of a step's references that can be seen before anything runs.

    fields: what the referenced step's op offers, None for an unknown id (reported elsewhere).
    """
    refs = references(list(arguments_with_references(step).values()))
    faults: list[Fault] = []
    for ref in refs:
        known = fields(ref)
        if known is not None and ref.field not in known:
            problem = f"{ref.from_!r} has no field {ref.field!r}; it offers {', '.join(known)}"
            faults.append(Fault(f"steps[{index}]", problem))
    if sum(r.each for r in refs) > 1:
        faults.append(Fault(f"steps[{index}]", 'only one reference of a step may say "each"'))
    if isinstance(step, BashStep) and step.env and any(r.each for r in references(step.env)):
        faults.append(Fault(f"steps[{index}].env", '"each" cannot stand in env; put it into args'))
    return faults


def _filled(step: AnyStep, refs: Mapping[str, Any], values: Values, item: tuple[Reference, Json] | None) -> AnyStep:
    raw = {name: getattr(step, name) for name in step.model_fields_set}
    for name, value in refs.items():

        def take(ref: Reference, name: str = name) -> Json:
            taken = item[1] if item is not None and ref is item[0] else values(ref)
            if name != "stdin" and any(isinstance(entry, dict) for entry in as_list(taken)):
                raise InvalidRequest(
                    [Fault(name, f"{ref.field} of {ref.from_!r} holds objects; only stdin takes them")]
                )
            return taken

        raw[name] = _put_in(name, value, take)
    try:
        return type(step).model_validate(raw)
    except ValidationError as exc:
        raise InvalidRequest(faults_of(exc, "")) from exc


def _put_in(name: str, value: Any, take: Callable[[Reference], Json]) -> Any:
    if isinstance(value, Reference):
        taken = take(value)
        if name == "args":
            return as_list(taken)
        if name == "stdin":
            return _as_text(taken)
        return taken
    if isinstance(value, list):
        out: list[Any] = []
        for entry in cast("list[Any]", value):
            taken = _put_in("", entry, take)
            out += as_list(taken)
        return out
    if isinstance(value, dict):
        return {key: _put_in("", entry, take) for key, entry in cast("dict[str, Any]", value).items()}
    return value


def _as_text(value: Json) -> str:
    """Standard input: a text as it is, a list one entry per line, objects as JSON."""
    import json

    if isinstance(value, list):
        return "".join(_as_text(entry).rstrip("\n") + "\n" for entry in cast("list[Json]", value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _over_lists(steps: list[AnyStep], *, single: bool) -> Spread:
    """One part per item of a spread argument that holds a list."""
    parts: list[AnyStep] = []
    for step in steps:
        name = next((n for n in SPREAD[step.op] if isinstance(getattr(step, n), list)), None)
        if name is None:
            parts.append(step)
        else:
            single = False
            parts += [step.model_copy(update={name: item}) for item in getattr(step, name)]
    return Spread(tuple(parts), single=single)
