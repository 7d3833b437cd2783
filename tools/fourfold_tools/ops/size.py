"""Sizes in the client's words."""


def size_text(size: int) -> str:
    """A number of bytes as the client prints it: `17 bytes`, `445.6KB`, `256KB`, `1.2MB`."""
    if size < 1024:
        return f"{size} bytes"
    for unit, factor in (("KB", 1 << 10), ("MB", 1 << 20)):
        if size < factor << 10:
            return f"{size / factor:.1f}".removesuffix(".0") + unit
    return f"{size / (1 << 30):.1f}".removesuffix(".0") + "GB"
