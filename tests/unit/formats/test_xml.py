"""JSON text to XML and back: nothing lost, nothing guessed, nothing read from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_service.fhir.errors import FhirError, MalformedContent, NotAcceptable
from fhir_service.formats.xml_reader import MAX_DEPTH, json_from_xml
from fhir_service.formats.xml_writer import xml_from_json

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*/bundle.json"))
XMLNS = 'xmlns="http://hl7.org/fhir"'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


class Number(str):
    """A number as it is written: 1.0 is not 1.00."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is Number and str.__eq__(self, other)

    __hash__ = str.__hash__


def exact(text: bytes | str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


def element(text: str) -> ElementTree.Element:
    """What an XML reader that is not ours makes of our XML."""
    return ElementTree.fromstring(text.encode())


RESOURCES: dict[str, str] = {
    "digits": '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}',
    "siblings": """{"resourceType":"Patient","id":"a","gender":"male","_gender":{"id":"g1","extension":[
        {"url":"http://e/1","valueString":"x"}]},"_birthDate":{"extension":[{"url":"http://e/2","valueDecimal":1.10}]},
        "name":[{"given":["A",null,"C"],"_given":[null,{"id":"x"},null]},{"family":"F"}]}""",
    "no values": """{"resourceType":"Patient","name":[{"_given":[{"id":"g"},{"extension":[{"url":"http://e/3",
        "valueCode":"x"}]}]}]}""",
    "ids": """{"resourceType":"Patient","id":"a","contact":[{"id":"c","name":{"id":"n","text":"N","_text":{"id":"t"}}}],
        "extension":[{"id":"e","url":"http://e/1","extension":[{"url":"http://e/2","valueBoolean":false}]}]}""",
    "text": """{"resourceType":"Patient","name":[{"text":" <a> & \\"q\\" 'p'\\tz\\r\\nä \\ud83d\\ude00 "}],"text":{
        "status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\" class='c'>
 <!-- c --> <p>a&#160;&lt;b <br/> é</p></div>"}}""".replace("'c'>\n", "'c'>\\n"),
    "contained": """{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","active":true},
        {"resourceType":"Device","id":"d"}],"status":"final","code":{"text":"x"},"subject":{"reference":"#p"},
        "component":[{"code":{"text":"y"},"valueSampledData":{"origin":{"value":0},"period":1E2,"dimensions":1}}]}""",
    "bundle": """{"resourceType":"Bundle","type":"searchset","total":2,"link":[
        {"relation":"self","url":"http://x/?a=b&c=d"}],
        "entry":[{"fullUrl":"http://x/Patient/a","resource":{"resourceType":"Patient","id":"a"},"search":{"mode":"match"}},
        {"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational"}]},
        "response":{"status":"200","outcome":{"resourceType":"OperationOutcome","issue":[
        {"severity":"error","code":"value"}]}}}]}""",
    "parameters": """{"resourceType":"Parameters","parameter":[
        {"name":"resource","resource":{"resourceType":"Patient"}},
        {"name":"p","part":[{"name":"v","valueInteger":0},{"name":"w","valueBase64Binary":"AAEC"}]}]}""",
    "order": """{"birthDate":"1970","resourceType":"Patient","gender":"female","active":false,"id":"late"}""",
    "same as": """{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[
        {"linkId":"1.1","type":"group","item":[{"linkId":"1.1.1","type":"string","initial":[{"valueString":"x"}]}]}]}]}""",
}
DIGITS = ("1", "1.0", "1.10", "0.00", "-0.50", "1E2", "1e-7", "1.50E+10", "12345678901234567890.123456789", "-0")


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("name", [name for name in RESOURCES if name != "digits"])
def test_everything_comes_back(name: str, pretty: bool) -> None:
    text = RESOURCES[name].encode()
    assert exact(json_from_xml(xml_from_json(text, pretty=pretty))) == exact(text)


@pytest.mark.parametrize("digits", DIGITS)
def test_decimals_keep_every_digit(digits: str) -> None:
    text = (RESOURCES["digits"] % digits).encode()
    written = xml_from_json(text)
    assert f'<value value="{digits}"/>'.encode() in written
    assert exact(json_from_xml(written)) == exact(text)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.parent.name)
def test_mapped_reports_come_back(file: Path) -> None:
    text = file.read_bytes()
    assert exact(json_from_xml(xml_from_json(text))) == exact(text)


def test_elements_have_the_order_of_the_definition_and_fhirs_namespace() -> None:
    root = element(xml_from_json(RESOURCES["order"].encode()).decode())
    assert root.tag == "{http://hl7.org/fhir}Patient"
    names = [child.tag.removeprefix("{http://hl7.org/fhir}") for child in root]
    assert names == ["id", "active", "gender", "birthDate"]


def test_ids_and_urls_are_attributes_and_a_gap_has_no_value() -> None:
    root = element(xml_from_json(RESOURCES["siblings"].encode()).decode())
    given = root.findall(".//{*}given")
    assert [child.attrib for child in given] == [{"value": "A"}, {"id": "x"}, {"value": "C"}]
    assert [child.attrib for child in root.findall(".//{*}extension")] == [{"url": "http://e/1"}, {"url": "http://e/2"}]
    assert root.find("{*}gender").attrib == {"id": "g1", "value": "male"}  # type: ignore[union-attr]  # it is there


def test_another_reader_sees_the_same_text() -> None:
    root = element(xml_from_json(RESOURCES["text"].encode()).decode())
    assert root.find(".//{*}name/{*}text").attrib["value"] == exact(RESOURCES["text"])["name"][0]["text"]  # type: ignore[union-attr]  # it is there
    assert root.find("{*}text/{http://www.w3.org/1999/xhtml}div") is not None


def test_comments_and_instructions_are_left_out() -> None:
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><!-- a --><?x y?><Patient {XMLNS}><!-- b --><id value="a"/></Patient>'
    )
    assert json_from_xml(text.encode()) == b'{"resourceType":"Patient","id":"a"}'


def test_a_byte_order_mark_prefixes_and_a_schema_location_do_no_harm() -> None:
    text = f"""\ufeff<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:schemaLocation="http://hl7.org/fhir x.xsd"><f:text><f:status value="generated"/>
        {DIV}é <b>x</b></div></f:text><f:active value="true"/></f:Patient>"""
    read = exact(json_from_xml(text.encode()))
    assert read["text"] == {"status": "generated", "div": f"{DIV}é <b>x</b></div>"}
    assert read["active"] is True


@pytest.mark.parametrize(
    "narrative",
    [
        "<h:div><h:p class='a&lt;'>x &amp; y</h:p><h:br/></h:div>",
        "<div><h:p class='a&lt;'>x &amp; y</h:p><br/></div>",
    ],
)
def test_a_narrative_under_prefixes_stands_for_itself_in_json(narrative: str) -> None:
    text = f"""<f:Patient xmlns:f="http://hl7.org/fhir" xmlns="http://www.w3.org/1999/xhtml" xmlns:h="http://www.w3.org/1999/xhtml">
        <f:text><f:status value="generated"/>{narrative}</f:text></f:Patient>"""
    div = exact(json_from_xml(text.encode()))["text"]["div"]
    root = element(div)
    assert root.tag == "{http://www.w3.org/1999/xhtml}div"
    assert root[0].tag == "{http://www.w3.org/1999/xhtml}p"
    assert (root[0].text, root[0].attrib) == ("x & y", {"class": "a<"})


@pytest.mark.parametrize(
    ("div", "kept"),
    [
        ("<div>x</div>", f"{DIV}x</div>"),
        (f"{DIV}a&nbsp;b&eacute;&amp;</div>", f"{DIV}a\u00a0bé&amp;</div>"),
        (f"{DIV[:-1]}/>", f"{DIV[:-1]}/>"),
        (
            f"{DIV}<p title='a>b'>]]&gt;</p><![CDATA[<x>]]></div>",
            f"{DIV}<p title='a>b'>]]&gt;</p><![CDATA[<x>]]></div>",
        ),
    ],
)
def test_a_narrative_from_json_becomes_xhtml(div: str, kept: str) -> None:
    text = json.dumps({"resourceType": "Patient", "text": {"status": "generated", "div": div}}).encode()
    assert exact(json_from_xml(xml_from_json(text)))["text"]["div"] == kept


@pytest.mark.parametrize(
    "div",
    [
        "plain",
        f"{DIV}<p>x</div>",
        f"{DIV}x</div><evil/>",
        "<script>x</script>",
        '<div xmlns="http://evil">x</div>',
        f"<!DOCTYPE x [<!ENTITY e 'v'>]>{DIV}&e;</div>",
        f"{DIV}&bogus;</div>",
        f"{DIV}\x01</div>",
        "",
    ],
)
def test_what_is_no_xhtml_is_not_put_into_xml(div: str) -> None:
    text = json.dumps({"resourceType": "Patient", "text": {"status": "generated", "div": div}}).encode()
    with pytest.raises(NotAcceptable, match=r"Patient\.text\.div|U\+0001"):
        xml_from_json(text)


@pytest.mark.parametrize("character", ["\\u0001", "\\ufffe", "\\ud800"])
def test_a_character_that_xml_does_not_have_is_said_to_be_one(character: str) -> None:
    with pytest.raises(NotAcceptable, match="ask for JSON"):
        xml_from_json(f'{{"resourceType":"Patient","language":"{character}"}}'.encode())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<nonsense/>", "no element nonsense"),
        ('<birthdate value="1970"/>', "no element birthdate"),
        ('<resourceType value="Patient"/>', "no element resourceType"),
        ('<gender valu="male"/>', "no attribute valu"),
        ('<gender value="male" url="x"/>', "no attribute url"),
        ('<name value="x"/>', "no attribute value"),
        ('<gender value="male"/><active value="true"/>', "active stands too late"),
        ('<gender value="male"/><gender value="male"/>', "does not repeat"),
        ('<deceasedBoolean value="true"/><deceasedDateTime value="2020"/>', "does not repeat"),
        ("<gender/>", "neither a value"),
        ("<name></name>", "empty"),
        ("<gender>male</gender>", "stands between elements"),
        ('<active value="yes"/>', "no boolean"),
        ('<active value="True"/>', "no boolean"),
        ('<multipleBirthInteger value="1.0"/>', "no integer"),
        ('<multipleBirthInteger value="one"/>', "no integer"),
        ('<extension url="x"><valueDecimal value="+1"/></extension>', "no decimal"),
        ('<extension url="x"><valueDecimal value="NaN"/></extension>', "no decimal"),
        ('<extension><url value="x"/></extension>', "no element url"),
        ('<id value="a"><extension url="x"/></id>', "no element extension"),
        ('<contained><id value="a"/></contained>', "no resource type"),
        ("<contained><Patient><id value='a'/></Patient><Patient/></contained>", "holds one resource"),
        ('<contained id="x"><Patient/></contained>', "no attribute id"),
        ('<text><status value="generated"/><div>x</div></text>', "namespace"),
        (f"<text><status value='generated'/>{DIV}<f:p xmlns:f='http://evil'/>&#0;</div></text>", "not well-formed"),
        ('<gender value="a&nbsp;b"/>', "&#160;"),
        ('<x:gender xmlns:x="http://evil" value="male"/>', "namespace"),
        ('<gender value="male"', "not well-formed"),
    ],
)
def test_what_r4_does_not_have_is_refused_with_its_line(body: str, why: str) -> None:
    with pytest.raises(MalformedContent) as refused:
        json_from_xml(f"<Patient {XMLNS}>\n{body}\n</Patient>".encode())
    (issue,) = refused.value.issues
    assert why in issue.text
    assert "line " in issue.text
    assert issue.expression[0].startswith("Patient")


def test_the_place_of_a_fault_is_a_path() -> None:
    body = '<name><given value="A"/></name><name><given value="B"/><given valu="C"/></name>'
    with pytest.raises(MalformedContent) as refused:
        json_from_xml(f"<Patient {XMLNS}>{body}</Patient>".encode())
    assert refused.value.issues[0].expression == ("Patient.name[1].given[1]",)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"<Patient/>",
        b'<Patient xmlns="http://hl7.org/FHIR"/>',
        b'<Person2 xmlns="http://hl7.org/fhir"/>',
        b'<HumanName xmlns="http://hl7.org/fhir"/>',
        b'<Patient xmlns="http://hl7.org/fhir" id="a"/>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><Patient xmlns="http://hl7.org/fhir"/>',
        '<?xml version="1.0" encoding="UTF-16"?><Patient xmlns="http://hl7.org/fhir"/>'.encode("utf-16"),
        b'<Patient xmlns="http://hl7.org/fhir"><language value="\xff"/></Patient>',
    ],
)
def test_what_is_no_resource_of_r4_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedContent):
        json_from_xml(text)


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE Patient>",
        '<!DOCTYPE Patient SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Patient [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY x "&b;&b;&b;&b;">]>',
        '<!DOCTYPE Patient [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
    ],
)
def test_a_document_type_is_refused_and_nothing_it_names_is_read(declaration: str) -> None:
    text = f'{declaration}<Patient {XMLNS}><language value="&x;"/></Patient>'
    with pytest.raises(MalformedContent, match="document type"):
        json_from_xml(text.encode())


def test_depth_has_a_limit() -> None:
    def nested(levels: int) -> bytes:
        body = '<extension url="x">' * levels + '<valueCode value="x"/>' + "</extension>" * levels
        return f"<Patient {XMLNS}>{body}</Patient>".encode()

    assert exact(xml_from_json(json_from_xml(nested(MAX_DEPTH - 2))) and json_from_xml(nested(MAX_DEPTH - 2)))
    with pytest.raises(MalformedContent, match="nested deeper"):
        json_from_xml(nested(MAX_DEPTH))
    with pytest.raises(FhirError):
        json_from_xml(nested(100_000))


@given(st.binary(max_size=200))
def test_whatever_bytes_come_as_xml_only_typed_errors_go_out(text: bytes) -> None:
    try:
        json_from_xml(text)
    except MalformedContent:
        return


_PIECES = st.sampled_from(
    """
<Patient xmlns='http://hl7.org/fhir'>|</Patient>|<name>|</name>|<text>|</text>|<div xmlns='http://www.w3.org/1999/xhtml'>
|</div>|<contained>|</contained>|<family value="x"/>|<given/>|<extension url="">|</extension>|x| |<!-- c -->|<?p i?>
|<![CDATA[x]]>|&amp;|&#0;|&x;|<!DOCTYPE x>|<valueDecimal value="1.10"/>
""".replace("\n", "").split("|")
)


@given(st.lists(_PIECES, max_size=25))
def test_whatever_pieces_of_xml_come_only_typed_errors_go_out(pieces: list[str]) -> None:
    try:
        read = json_from_xml("".join(pieces).encode())
    except MalformedContent:
        return
    assert exact(json_from_xml(xml_from_json(read))) == exact(read)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "_name", "text", "div", "given", "_given", "extension", "url"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "text", "gender", "_gender", "contained", "extension", "id"]), _VALUES))
def test_whatever_json_there_is_only_typed_errors_go_out_of_the_writer(members: dict[str, Any]) -> None:
    text = json.dumps({"resourceType": "Patient", **members}).encode()
    try:
        ElementTree.fromstring(xml_from_json(text))
    except NotAcceptable:
        return
