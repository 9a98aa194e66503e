"""Where Brain-Score's public data lie, read from the registries of brainscore-vision 2.4.2 and older.

Objects of public buckets, over plain HTTPS and without credentials. Their publisher gives SHA-1 hashes and
no sizes. Each file has further addresses, from which earlier releases of Brain-Score loaded the same bytes.
"""

from wiringup.data.sources.entry import Source, SourceFile

_BUCKET = "https://brainscore-storage.s3.amazonaws.com/brainio-brainscore"
_EARLIER = "https://brainio-brainscore.s3.amazonaws.com"
# Buckets with a dot in their name have no valid certificate of their own.
_DICARLO = "https://s3.amazonaws.com/brainio.dicarlo"
_CONTRIB = "https://s3.amazonaws.com/brainio.contrib"
_NO_LICENCE = "none stated by the source"
_ORIGIN = "Brain-Score's public storage (brainscore-vision 2.4.2)"


def _file(name: str, sha1: str, *mirrors: str, version: str = "null") -> SourceFile:
    """Return a file of the bucket at ``version``; then the address without one, and the ``mirrors``."""
    address = f"{_BUCKET}/{name}"
    url = f"{address}?versionId={version}"
    return SourceFile(name, sha1, url=url, part="public", mirrors=(address, *mirrors))


def _earlier(name: str, version: str) -> str:
    return f"{_EARLIER}/{name}?versionId={version}"


MAJAJHONG = Source(
    name="majajhong2015",
    what="Macaque V4 and IT, Utah arrays: 256 sites, 70-170 ms, 3,200 images of 64 objects, 28 or 51 repeats",
    origin=_ORIGIN,
    licence=_NO_LICENCE,
    citation="Majaj, Hong, Solomon, DiCarlo (2015), Journal of Neuroscience 35:13402.",
    files=(
        _file(
            "assy_dicarlo_MajajHong2015_public.nc",
            "13d28ca0ce88ee550b54db3004374ae19096e9b9",
            _earlier("assy_dicarlo_MajajHong2015_public.nc", "LZWj2qjAwZKdmHdTGftpBPSO6oq.y9Q7"),
            f"{_DICARLO}/assy_dicarlo_MajajHong2015_public.nc",
        ),
        _file(
            "stimulus_hvm-public.csv",
            "5ca7a3da00d8e9c694a9cd725df5ba0ad6d735af",
            _earlier("stimulus_hvm-public.csv", "BnqAVAz2CVAoVf.sG3aNEU5qhtn_CuSq"),
            f"{_DICARLO}/image_dicarlo_hvm-public.csv",
        ),
        _file(
            "stimulus_hvm-public.zip",
            "8aa44e038d7b551efa8077467622f9d48d72e473",
            _earlier("stimulus_hvm-public.zip", "_MlCmoGE0XqqeKiat0JJEWJDSOIVMVXm"),
            f"{_DICARLO}/image_dicarlo_hvm-public.zip",
        ),
    ),
)

FREEMANZIEMBA = Source(
    name="freemanziemba2013",
    what="Macaque V1 and V2, anaesthetised: spikes of 102 and 103 neurons, 135 images of texture and noise",
    origin=_ORIGIN,
    licence=_NO_LICENCE,
    citation=(
        "Freeman, Ziemba, Heeger, Simoncelli, Movshon (2013), Nature Neuroscience 16:974; "
        "Ziemba, Freeman, Movshon, Simoncelli (2016), PNAS 113:E3140."
    ),
    files=(
        _file(
            "assy_movshon_FreemanZiemba2013_public.nc",
            "761c08f796db4e342555cdb60eef23a4f19ead43",
            f"{_CONTRIB}/assy_movshon_FreemanZiemba2013_public.nc",
            version="W2vx7jdh9utZdVumHHarXa4L1zOrA8Fd",
        ),
        _file(
            "stimulus_FreemanZiemba2013_aperture-public.csv",
            "194c9b301a4e3e9cff02481d4c19b39331d52660",
            _earlier("stimulus_FreemanZiemba2013_aperture-public.csv", "vpWysN7O7LyA9k9PBbrawXauOcqf2LoY"),
            f"{_CONTRIB}/image_movshon_FreemanZiemba2013_aperture-public.csv",
        ),
        _file(
            "stimulus_FreemanZiemba2013_aperture-public.zip",
            "3a6fec1fc28c212882d6833e267ea8654d289611",
            _earlier("stimulus_FreemanZiemba2013_aperture-public.zip", "BQmourU.zS4hvTXs.LBIi.yVunyjZNE."),
        ),
    ),
)

RAJALINGHAM = Source(
    name="rajalingham2018",
    what="People's choices between two objects: 585,511 trials with 2,160 images of 24 objects",
    origin=_ORIGIN,
    licence=_NO_LICENCE,
    citation=("Rajalingham, Issa, Bashivan, Kar, Schmidt, DiCarlo (2018), Journal of Neuroscience 38:7255."),
    files=(
        _file(
            "assy_dicarlo_Rajalingham2018_public.nc",
            "34c6a8b6f7c523589c1861e4123232e5f7c7df4c",
            _earlier("assy_dicarlo_Rajalingham2018_public.nc", "WEBNb7Azz4CWpzO25JanNjdPSLArltS2"),
            f"{_DICARLO}/assy_dicarlo_Rajalingham2018_public.nc",
        ),
        _file(
            "stimulus_objectome_public.csv",
            "47884e17106a3be471d6481279cab33889b80850",
            _earlier("stimulus_objectome_public.csv", "CwFzXLOclwodJZpInD6hc15yeTOywg6J"),
            f"{_DICARLO}/image_dicarlo_objectome_public.csv",
        ),
        _file(
            "stimulus_objectome_public.zip",
            "064f2955f98e63867755fee2e3ead8cddf6bfab8",
            _earlier("stimulus_objectome_public.zip", "g.vVSa77K84jjeto5KAryLESzxJz0yUB"),
            f"{_DICARLO}/image_dicarlo_objectome_public.zip",
        ),
    ),
)

BRAIN_SCORE = (MAJAJHONG, FREEMANZIEMBA, RAJALINGHAM)
"""The public data of Brain-Score's five public benchmarks."""
