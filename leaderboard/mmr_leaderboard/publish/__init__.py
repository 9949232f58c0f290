"""What is published, made from one document: Markdown, spreadsheet, choices and the record of events."""
