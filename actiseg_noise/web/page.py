"""A page: a template, its styles and scripts, and its data, in one file that a browser opens from disk.

Nothing is fetched, and nothing inline runs but what this module put there: the page's Content-Security-Policy names its
one script and its one style sheet by their hashes. Data are JSON in elements that no browser runs; what is large is
compressed and unpacked by the page when it is asked for.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from actiseg_noise.version import tool_version

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = "actiseg_noise.web"


@dataclass(frozen=True)
class Assets:
    """Where a page's template is, and which styles and scripts it has beside the shared ones.

    Attributes:
        package: a package with the folders ``templates`` and ``static``. template: a file's name in the first.
        styles, scripts: names in the second, in order; those of this package come first.
    """

    package: str
    template: str
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


SHARED_STYLES = ("page.css", "viewer.css")
SHARED_SCRIPTS = ("rle.js", "dom.js", "viewer.js")


def render_page(
    assets: Assets,
    title: str,
    data: Mapping[str, Any],
    packed: Sequence[object] = (),
    pictures: Sequence[str] = (),
    **context: Any,
) -> str:
    """Return the page as HTML.

    Args:
        title: in the browser's tab. data: JSON values that the scripts read at once.
        packed: JSON values that the scripts unpack one by one, by position. pictures: addresses that hold one each.
        context: what the template shows by itself.
    """
    style = "\n".join(_texts(assets, "styles"))
    script = "\n".join(_texts(assets, "scripts"))
    template = _environment(assets.package).get_template(assets.template)
    return template.render(
        title=title,
        style=style,
        script=script,
        policy=_policy(style, script),
        data=json_text(data),
        packed=[pack(value) for value in packed],
        pictures=pictures,
        version=tool_version(),
        **context,
    )


def json_text(data: object) -> str:
    """Return JSON that may stand in an element of a page: no ``<`` can end the element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def pack(data: object) -> str:
    """Return JSON as base64 of gzip: equal data, equal text.

    >>> pack([1])[:8]
    'H4sIAAAA'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b64encode(gzip.compress(text, 9, mtime=0)).decode("ascii")


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page with one style sheet and one script."""
    rules = {
        "default-src": "'none'",
        "img-src": "data: 'self' file:",
        "style-src": f"'{_digest(style)}'",
        "script-src": f"'{_digest(script)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _digest(text: str) -> str:
    """Return the hash of an element's text, as a policy writes it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


def _texts(assets: Assets, kind: str) -> Iterable[str]:
    """Return the texts of the shared styles or scripts, then the page's own."""
    shared, own = (SHARED_STYLES, assets.styles) if kind == "styles" else (SHARED_SCRIPTS, assets.scripts)
    for package, names in ((_PACKAGE, shared), (assets.package, own)):
        for name in names:
            yield (files(package) / "static" / name).read_text("utf-8").strip()


@cache
def _environment(package: str) -> Environment:
    """Return the templates of this package and of another one; a name that is not given is an error."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loaders = [PackageLoader(name) for name in dict.fromkeys((package, _PACKAGE))]
    return Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
