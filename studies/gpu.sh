#!/usr/bin/env bash
# Measures a GPU host in eight minutes: feeders on TensorFlow, torch and JAX by asv, advice on two loaders, the CPU.
#
#   bash studies/gpu.sh                 on the GPU host, in the folder of the repository
#   GPU_REHEARSAL=1 bash studies/gpu.sh anywhere: the same course in small, on the CPU
#
# What python3 has installed is measured; a backend that is missing is left out. Results go to results/MACHINE, whose
# name tells GPU and cores. A round measures every cell of each backend once; rounds go on while there is time. When
# the time is over, the take under way is dropped. The same command goes on from there, on a later day as well: what
# the first eight minutes have no time for, the advice or the CPU, comes first then.
#
# Variables, with their defaults:
#   GPU_SECONDS=480    when to stop
#   GPU_ROUNDS=5       rounds of each backend at most
#   GPU_STEPS="tensorflow torch jax advise tensorflow-cpu"   of a round, in this order; the last one trains on the CPU
#   PYTHON=python3     the interpreter
#   OUT=               a folder that gets a copy of the results after each step
set -uo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
rounds=${GPU_ROUNDS:-5}
end=${GPU_SECONDS:-480}
loaders="Parsed Records"
if [ -n "${GPU_REHEARSAL:-}" ]; then
  device=cpu model=light advise_options="--seconds 20"
else
  device=gpu model=resnet advise_options="--seconds 40 --model examples/my_model.py:make"
fi
# asv takes PYTHONPATH away from what it starts.
export FEEDERS_BATCH=${FEEDERS_BATCH:-64} TF_CPP_MIN_LOG_LEVEL=2
export ASV_PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

left() { echo $((end - SECONDS)); }
say() { printf '\n== %3d s: %s\n' "$SECONDS" "$*"; }
keep() { if [ -n "${OUT:-}" ]; then cp -r "results/$FEEDERS_MACHINE" "$OUT/"; fi; }

# The name of the host, and the most workers that the profile `core` has here.
read -r machine most < <("$python" - <<'EOF'
import re
from feeders.measure.cells import core_workers, usable_cores
from feeders.measure.nvml import gpu_names
name = re.sub(r"[^a-z0-9]+", "-", (gpu_names() or ["cpu"])[0].lower().replace("nvidia ", "")).strip("-")
print(f"{name}-{usable_cores()}core", core_workers(usable_cores())[-1])
EOF
) || { echo "studies/gpu.sh: $python can't import what measures; expected the extra suite of this repository" >&2; exit 2; }
export FEEDERS_MACHINE=${FEEDERS_MACHINE:-$machine}

# Without their bytecode torch takes a minute to be imported, and each start of an interpreter would.
say "compile what is imported"
[ -n "${GPU_REHEARSAL:-}" ] || "$python" - <<'EOF'
import compileall, importlib.util
for name in ("torch", "tensorflow", "keras", "jax", "jaxlib", "scipy", "pandas"):
    found = importlib.util.find_spec(name)
    for folder in (found.submodule_search_locations or []) if found else []:
        compileall.compile_dir(folder, quiet=2, workers=0)
EOF

steps=""
for step in ${GPU_STEPS:-tensorflow torch jax advise tensorflow-cpu}; do
  module=${step%-cpu}
  if [ "$step" = advise ] || "$python" -c "import importlib.util as i, sys; sys.exit(i.find_spec('$module') is None)"; then
    steps="$steps $step"
  else
    say "$step: $module is not installed, left out"
  fi
done

# What trains in an advice: the first backend there is.
for step in $steps; do
  [ "$step" = advise ] || { advised=${step%-cpu} && break; }
done

# What trains in a step.
device_of() { case $1 in *-cpu) echo cpu ;; *) echo $device ;; esac; }
model_of() { case $1 in *-cpu) echo light ;; *) echo $model ;; esac; }

# What a step measures, as asv names it.
cells_of() {
  if [ -n "${GPU_REHEARSAL:-}" ]; then
    echo "'(resident|sequence)', 'remote', 1"
    return
  fi
  local many="lookahead-threads|lookahead-processes"
  # On JAX and torch Keras delivers a sequence with several workers wrongly, so its speed says nothing.
  case $1 in tensorflow*) many="$many|sequence|sequence-processes|tfdata-native" ;; esac
  echo "'(resident|sequence)', 'jpeg', 1|'($many)', 'jpeg', $most"
}

# How many rounds of a step have ended.
ended() {
  "$python" - "${1%-cpu}" "$(device_of "$1")" <<'EOF'
import sys
from feeders.results.json_lines import read_lines
from feeders.results.machines import RESULTS, machine_folder, name_of_host
from feeders.results.record import Record
from feeders.results.takes import TAKES_SUFFIX
from feeders.results.unfinished import read_unfinished
folder = machine_folder(RESULTS, name_of_host())
takes = [take for path in folder.glob(f"*{TAKES_SUFFIX}") for take in read_lines(path, Record.from_json)]
made = {take.run for take in takes if [take.stack.get("backend"), take.stack.get("device")] == sys.argv[1:]}
print(len(made - {run.id for run in read_unfinished(folder)}))
EOF
}

# A round of a step; what is cut when the time is over goes on with the next call.
round() {
  local series="epoch.Fit|track_broken|wait.Batch.track_mean|wait.Step.track_work" seconds
  seconds=$(left)
  [ "$seconds" -gt 0 ] || return # to timeout, 0 is no limit
  KERAS_BACKEND=${1%-cpu} FEEDERS_DEVICE=$(device_of "$1") FEEDERS_MODEL=$(model_of "$1") \
    timeout -s INT -k 20 "$seconds" "$python" -m asv run -a rounds=1 --append-samples --show-stderr \
    -b "($series).*\(($(cells_of "$1"))\)" < /dev/null
}

advise() {
  local text="results/$FEEDERS_MACHINE/advice-$1.txt"
  [ ! -e "$text" ] && [ "$(left)" -gt 20 ] || return
  say "advise on $1"
  KERAS_BACKEND=${advised:-tensorflow} FEEDERS_DEVICE=$device timeout -s INT -k 20 "$(left)" \
    "$python" -m feeders advise "examples/my_data.py:$1" $advise_options < /dev/null > "$text.part"
  case $? in
    0 | 1) mv "$text.part" "$text" && cat "$text" ;; # safe, or not: an answer
    *) cat "$text.part" && rm "$text.part" ;;
  esac
}

mkdir -p "results/$FEEDERS_MACHINE"
for ((number = 1; number <= rounds; number++)); do
  for step in $steps; do
    [ "$(left)" -gt 0 ] || break 2
    if [ "$step" = advise ]; then
      for loader in $loaders; do advise "$loader"; done
    elif [ "$(ended "$step")" -lt "$number" ]; then
      say "round $number of $step"
      round "$step"
    fi
    keep
  done
done

say "rounds that have ended on $FEEDERS_MACHINE"
for step in $steps; do [ "$step" = advise ] || echo "$step: $(ended "$step")"; done
