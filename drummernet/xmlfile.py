"""XML files of strangers, read with distrust."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from drummernet.errors import InputError

_LARGEST_BYTES = 1 << 24


def read_xml(path: Path) -> Element:
    """Return the root of an XML file, its tags without name spaces.

    Raises:
        InputError: if it cannot be read, is larger than 16 MiB, declares entities or is no XML.
    """
    from defusedxml import DefusedXmlException, ElementTree

    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(path, "file", error.strerror or str(error)) from error
    if len(text) > _LARGEST_BYTES:
        raise InputError(path, "XML", f"more than {_LARGEST_BYTES} bytes")
    try:
        root: Element = ElementTree.fromstring(text)
    except DefusedXmlException as error:
        raise InputError(path, "XML", f"refused, it declares entities: {error}") from error
    except (ParseError, LookupError, ValueError) as error:
        raise InputError(path, "XML", f"cannot be parsed: {error}") from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root
