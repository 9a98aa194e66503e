"""Tables as spreadsheets and other programs write them: read alike, or refused in words."""

import codecs

import pytest

from wiringup.core.errors import InputError
from wiringup.data.formats.tables import Table, plain, read_table

ROWS = [["Filename", "Größe"], ["a.png", "1"], ["b, c.png", "2"]]


def written(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter(tmp_path, delimiter, end):
    quoted = [[f'"{cell}"' for cell in row] for row in ROWS]
    text = end.join(delimiter.join(row) for row in quoted) + end + end
    assert read_table(written(tmp_path, text)).columns == {
        "Filename": ["a.png", "b, c.png"], "Größe": ["1", "2"],
    }  # fmt: skip


def test_other_delimiters_within_cells(tmp_path):
    assert read_table(written(tmp_path, 'file;note\na.png;1,5\nb.png;"2;5"\n')).columns["note"] == [
        "1,5",
        "2;5",
    ]
    assert read_table(written(tmp_path, 'file,"a;b"\nx,1\n')).columns == {"file": ["x"], "a;b": ["1"]}
    assert read_table(written(tmp_path, "sep=;\nfile;a,b\nx;1,2\n")).columns == {
        "file": ["x"],
        "a,b": ["1,2"],
    }


@pytest.mark.parametrize(
    ("mark", "encoding", "noted"),
    [
        (b"", "utf-8", False),
        (codecs.BOM_UTF8, "utf-8", False),
        (codecs.BOM_UTF16_LE, "utf-16-le", False),
        (codecs.BOM_UTF16_BE, "utf-16-be", False),
        (codecs.BOM_UTF32_LE, "utf-32-le", False),
        (b"", "utf-16-le", False),
        (b"", "utf-16-be", False),
        (b"", "latin-1", True),
        (b"", "cp1252", True),
    ],
)
def test_encodings(tmp_path, caplog, mark, encoding, noted):
    text = "\n".join(";".join(row) for row in ROWS)
    table = read_table(written(tmp_path, mark + text.encode(encoding)))
    assert list(table.columns) == ["Filename", "Größe"]
    assert [("was read as Windows-1252" in note) for note in caplog.messages] == [True] * noted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file\n\x81\x8d\n", "text in none of UTF-8, UTF-16 and Windows-1252"),
        (b"PK\x03\x04\x00\x00\x01\x00", "text in none of"),
        (b"file\n\x9f\x00\x00\x00\n", "text in none of"),
        ("", "is empty"),
        (" \n,,\n", "is empty"),
        ("file\n", "one line for each image"),
        ("file,file\na,b\n", r"has 2 columns called 'file'; rename all but one"),
        ("file, group\na,b,c\n", "line 2, has 3 cells, but there are 2 column names"),
        ("file;x,y\na;1,2\n", "could be parted at every comma or semicolon"),
        ("file\na\tb\nc\td\n", "has 2 cells, but there are 1 column names"),
        ('file,x\n"a,1\nb,2\n', r"cannot be read as a CSV \(unexpected end of data\)"),
    ],
)
def test_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, content))


def test_columns_without_a_name(tmp_path):
    table = read_table(written(tmp_path, ",file,\n0,a,\n1,b,\n"))
    assert table.columns == {"Unnamed: 0": ["0", "1"], "file": ["a", "b"], "Unnamed: 2": ["", ""]}


def test_columns_by_spelling(tmp_path):
    assert plain("Image File-Name ") == plain("image_file_name") == plain("imageFileName") == "imagefilename"
    table = Table(tmp_path, {"Image_Name": ["a"], "Movie": ["m"], "x.1": ["1"], "x1": ["2"]})
    assert table.find("movie", "image name", "absent") == ["Movie", "Image_Name"]
    assert table.column("movie").tolist() == ["m"]
    assert table.column("x1").tolist() == ["2"]
    with pytest.raises(InputError, match=r"Unknown column of .* 'X 1'"):
        table.column("X 1")
