"""The FHIRPath of a patch operation: which places of a resource it selects.

Only paths that select are read, since a value that was computed stands nowhere and cannot be changed. Criteria are any
FHIRPath that `fhir.fhirpath_closures` evaluates by itself; regular expressions are left out, because a stranger's
could run for hours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fhir_service.definitions.elements import UnknownElement, is_a
from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_closures import Closure, Unsupported, build
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.fhirpath_operators import truth
from fhir_service.fhir.nodes import ContentFault
from fhir_service.patching.faults import PatchFault
from fhir_service.patching.places import Place, Slot

T = TypeVar("T")
_LONGEST = 1000
"""Characters of a path."""
_NOT_READ = frozenset({"matches", "replaceMatches"})
_SUPPORTED = (
    "names of elements, [index], first(), last(), tail(), single(), skip(n), take(n), where(criterion), ofType(type), "
    "as(type), extension('url') and |"
)
Places = list[Place]
MOST_VISITED = 200_000
"""Elements that the paths of one patch may look at; on a large resource many paths could take minutes."""


class Walk:
    """The walks of one patch through a resource, from its `root`."""

    def __init__(self, root: Place) -> None:
        self.root = root
        self._left = MOST_VISITED

    def visit(self, places: int) -> None:
        """Raises PatchFault where the patch has looked at more than it may."""
        self._left -= places
        if self._left < 0:
            raise PatchFault(
                f"the paths of the patch look at more than {MOST_VISITED:,} elements; send fewer at a time"
            )


def selected(path: str, walk: Walk) -> Places:
    """Every place the path selects. Raises PatchFault."""
    return _guarded(path, lambda node: _select(node, walk))


def selected_list(path: str, walk: Walk) -> Slot:
    """The list that the path names, whether anything is in it or not. Raises PatchFault."""
    return _guarded(path, lambda node: _list(node, walk))


def _guarded(path: str, work: Callable[[tree.Node], T]) -> T:
    if len(path) > _LONGEST:
        raise PatchFault(f"the path has more than {_LONGEST:,} characters")
    try:
        return work(tree.parse_fhirpath(path))
    except SyntaxFault as fault:
        raise PatchFault(f"the path is no FHIRPath: {fault.text} at column {fault.column}") from None
    except UnknownElement as unknown:
        raise PatchFault(str(unknown)) from None
    except ContentFault as fault:
        raise PatchFault(f"the path cannot be evaluated: {fault}") from None
    except RecursionError:
        raise PatchFault("the path is nested too deep") from None


def _list(node: tree.Node, walk: Walk) -> Slot:
    if not isinstance(node, tree.Member) or _is_head(node, walk):
        raise PatchFault("the path has to end in the name of a list, such as Patient.name")
    owners = [walk.root] if node.of is None else _select(node.of, walk)
    if len(owners) != 1:
        raise PatchFault(f"what the list belongs to has to be one element; the path selects {len(owners)}")
    slot = owners[0].slots(node.name, make=True)[0]
    if not slot.entry.element.repeats:
        raise PatchFault(f"{slot.path} is no list: it can be there once")
    return slot


def _select(node: tree.Node, walk: Walk) -> Places:
    match node:
        case tree.This() | tree.Variable(name="resource" | "context" | "rootResource"):
            return [walk.root]
        case tree.Member():
            return [walk.root] if _is_head(node, walk) else _children(node, walk)
        case tree.Index(of=of, index=index):
            return _indexed(_select(of, walk), index)
        case tree.Binary(operator="as", left=left, right=right):
            return _of_type(_select(left, walk), right)
        case tree.Binary(operator="|", left=left, right=right):
            both = [*_select(left, walk), *_select(right, walk)]
            return list({place.key: place for place in both}.values())
        case tree.Call(of=of, name=name, arguments=arguments):
            return _called(name, [walk.root] if of is None else _select(of, walk), arguments, walk)
    raise _unsupported()


def _is_head(node: tree.Member, walk: Walk) -> bool:
    """Whether a name at the head of the path is the type of the resource. Raises PatchFault for another type."""
    if node.of is not None or not node.name[:1].isupper():
        return False
    if not is_a(walk.root.type, node.name):
        raise PatchFault(f"the path begins with {node.name[:80]}, the resource is of type {walk.root.type}")
    return True


def _children(node: tree.Member, walk: Walk) -> Places:
    owners = [walk.root] if node.of is None else _select(node.of, walk)
    found: Places = []
    unknown = None
    for owner in owners:
        try:
            found += owner.children(node.name)
        except UnknownElement as error:
            unknown = error
    if unknown and not found:
        raise unknown
    walk.visit(len(owners) + len(found))
    return found


def _indexed(places: Places, index: tree.Node) -> Places:
    number = _number(index)
    return places[number : number + 1]


def _number(node: tree.Node) -> int:
    if not isinstance(node, tree.Literal) or type(node.value) is not int:
        raise PatchFault("an index in the path has to be a whole number")
    return node.value


def _of_type(places: Places, node: tree.Node) -> Places:
    if not isinstance(node, tree.Member):
        raise PatchFault("ofType() and as() take the name of a type")
    return [place for place in places if is_a(place.type, node.name) or place.type == node.name]


def _called(name: str, places: Places, arguments: tuple[tree.Node, ...], walk: Walk) -> Places:
    walk.visit(len(places))
    if name == "resolve":
        raise PatchFault("resolve() leads out of the resource, and a patch changes this resource alone")
    if not arguments and (chosen := _CHOSEN.get(name)) is not None:
        return chosen(places)
    if len(arguments) == 1 and (filtered := _FILTERED.get(name)) is not None:
        return filtered(places, arguments[0])
    raise _unsupported()


def _single(places: Places) -> Places:
    if len(places) > 1:
        raise PatchFault(f"single() finds {len(places)} elements")
    return places


def _where(places: Places, criterion: tree.Node) -> Places:
    holds = _closure(criterion)
    return [place for place in places if truth(holds([place.focus], ())) is True]


def _closure(criterion: tree.Node) -> Closure:
    if _calls(criterion) & _NOT_READ:
        raise PatchFault("regular expressions are not supported in the path of a patch")
    try:
        return build(criterion, {})
    except Unsupported:
        text = "the criterion of where() uses FHIRPath that is not supported in the path of a patch"
        raise PatchFault(f"{text}; compare elements with =, !=, <, >, exists(), startsWith() and the like") from None


def _calls(node: tree.Node) -> set[str]:
    own = {node.name} if isinstance(node, tree.Call) else set()
    return own.union(*(_calls(part) for part in tree.parts(node)))


def _extension(places: Places, url: tree.Node) -> Places:
    if not isinstance(url, tree.Literal) or not isinstance(url.value, str):
        raise PatchFault("extension() takes the url of the extension in quotes")
    found = [extension for place in places for extension in place.children("extension")]
    return [place for place in found if place.item.value.get("url") == url.value]


def _unsupported() -> PatchFault:
    return PatchFault(f"the path does not select elements in a way that can be changed; supported are {_SUPPORTED}")


_CHOSEN: dict[str, Callable[[Places], Places]] = {
    "first": lambda places: places[:1],
    "last": lambda places: places[-1:],
    "tail": lambda places: places[1:],
    "single": _single,
}
_FILTERED: dict[str, Callable[[Places, tree.Node], Places]] = {
    "where": _where,
    "ofType": _of_type,
    "as": _of_type,
    "extension": _extension,
    "skip": lambda places, count: places[_number(count) :],
    "take": lambda places, count: places[: _number(count)],
}
