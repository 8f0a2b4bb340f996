"""Report, SourceSpan and CaseReport: plain types, no behaviour that needs I/O."""
