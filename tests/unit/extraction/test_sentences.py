"""Sentences have a bound, whatever the text is."""

from fhir_service.extraction.sentences import LONGEST, sentence_bounds


def test_a_text_without_a_full_stop_is_cut_at_blanks_and_loses_nothing() -> None:
    text = "cement leakage of L1 and " * 500
    bounds = sentence_bounds(text)
    assert max(end - start for start, end in bounds) <= LONGEST
    assert " ".join(text[start:end] for start, end in bounds) == text.strip()


def test_a_word_without_end_is_cut_where_it_must_be() -> None:
    text = "L1-" * 2000
    assert "".join(text[start:end] for start, end in sentence_bounds(text)) == text
