from wiringup.api import brain_match as brain_match
from wiringup.api import create_model as create_model
from wiringup.api import distill as distill
from wiringup.api import execute as execute
from wiringup.api import give_birth as give_birth
from wiringup.api import score as score
from wiringup.api import train as train
from wiringup.benchmarks.catalog import load_benchmark as load_benchmark
from wiringup.birth.genome import Genome as Genome
from wiringup.experiments.runs.network import Network as Network
from wiringup.figures.results import Results as Results
from wiringup.models.preprocessing import Preprocessing as Preprocessing
from wiringup.models.readout import NetworkSubject as NetworkSubject

__version__: str
