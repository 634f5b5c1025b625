"""Tables that scripts write into pages of docs/."""


def write_between_marks(path, name, text):
    """What stands between <!-- name: begin --> and <!-- name: end --> of a page becomes the text."""
    page = path.read_text()
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    first, last = page.index(begin) + len(begin), page.index(end)
    path.write_text(page[:first] + text + "\n" + page[last:])
