"""curl and wget: the hosts they reach and the files they leave."""

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import options, sort_words
from fourfold_tools.ops.shell.place import Place, Uncertain, writing
from fourfold_tools.ops.shell.readers import Rule
from fourfold_tools.ops.shell.syntax import Word
from fourfold_tools.ops.shell.writers import written

_CURL = options(
    "s S f L I k v i g G 4 6 O N # o: H: A: X: m: w: d: u: e: --silent --show-error --fail --location --head"
    " --include --insecure --compressed --verbose --remote-name --get --no-progress-meter --http1.1 --http2"
    " --output= --header= --user-agent= --request= --max-time= --connect-timeout= --retry= --retry-delay="
    " --write-out= --data= --data-raw= --json= --url= --user= --referer="
)
_WGET = options(
    "q S c O: P: T: t: U: --quiet --no-verbose --spider --continue --no-check-certificate --output-document="
    " --directory-prefix= --timeout= --tries= --user-agent= --header= --no-clobber"
)


def _curl(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, _CURL)
    if any(
        v is not None and (v.text or "@").startswith("@")
        for o, v in found.given
        if o in ("d", "--data", "--json", "H", "w")
    ):
        raise Uncertain("file handed to curl")
    addresses = [*found.operands, *found.values("--url")]
    files = written(place, found.values("o", "--output"))
    if found.has("O", "--remote-name"):
        files |= {os.path.join(place.path, _name(a) or "*") for a in addresses}
    return writing(files, hosts=map(_host, addresses))


def _wget(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, _WGET)
    named, folders = found.values("O", "--output-document"), found.values("P", "--directory-prefix")
    folder = place.file(folders[0]) if folders else place.path
    if named or found.has("--spider"):
        files = written(place, named)
    else:
        files = frozenset(os.path.join(folder, (_name(a) or "index.html") + "*") for a in found.operands)
    return writing(files, hosts=map(_host, found.operands))


def _host(address: Word) -> str:
    """The host of an address whose beginning is known."""
    text = address.prefix if "://" in address.prefix else "http://" + address.prefix
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https", "ftp", "ftps") or (address.text is None and "/" not in rest):
        raise Uncertain("address")
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    if not host:
        raise Uncertain("address")
    return host


def _name(address: Word) -> str:
    """The last part of an address' path; "" where there is none."""
    if address.text is None:
        raise Uncertain("variable in an address")
    return urlsplit(address.text).path.rpartition("/")[2]


NETWORK: dict[str, Rule] = {"curl": _curl, "wget": _wget}
