#!/usr/bin/env bash
# What this machine's card does: tests against the CPU, then the speed of training and of scoring, in nine minutes at most.
#   bash examples/on_a_card.sh [FOLDER]      what is printed is also kept in FOLDER (by default ./on_a_card)
# Without a card it is a dry run: tests skip in words, and the bench takes small networks on the CPU.
# PYTHON names the interpreter (by default python3); torch, pytest and wiringup's needs have to be installed there.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
out=${1:-on_a_card}
mkdir -p "$out"
export PYTHONPATH=$PWD/src:$PWD/tests${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
device=$("$python" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")') || exit

# a compiler's processes outlive SIGTERM, so each part is killed for good if it needs longer
part() {
  local name=$1 seconds=$2
  shift 2
  echo "== $name (at most $seconds s)"
  timeout -k 10 "$seconds" "$@" 2>&1 | tee "$out/$name.txt" | grep -avE '^ *[0-9]+%  '
  local state=${PIPESTATUS[0]}
  [ "$state" -eq 0 ] || echo "== $name ended with $state"
}

quick=$([ "$device" = cpu ] && echo --quick)
part tests 150 "$python" -m pytest -q tests/gpu -W default -p no:cacheprovider -o addopts=-rs
part training 270 "$python" -m wiringup bench gpu
part scoring 90 "$python" -m wiringup bench scoring --device "$device" $quick
