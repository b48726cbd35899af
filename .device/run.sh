#!/bin/bash
# On the device: run.sh finetune | run.sh screen VARIANTS WORKERS. Expects carry.dev and .whl beside it.
set -o pipefail
nvidia-smi --query-gpu=name --format=csv,noheader
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl || exit
export PYTHONPATH=/tmp/site:$PWD:$PWD/.device HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1 CUBLAS_WORKSPACE_CONFIG=:4096:8 OMP_NUM_THREADS=2 TQDM_DISABLE=1
python3 -c "import datasets" || export PYTHONPATH=$PWD/.device/stub:$PYTHONPATH
[ -d /tmp/run/prepared ] || python3 .device/pack.py --unpack carry.dev /tmp/run || exit
date +%T
case $1 in
finetune)
    timeout "${LIMIT:-400}" python3 -m training finetune --run /tmp/run 2>&1 | tee "$OUT/log" | grep -v Loading | tail -60
    python3 .device/results.py /tmp/run "$OUT" ;;
screen)
    mkdir -p /tmp/run/screen && ln -sf "$OUT/results.jsonl" /tmp/run/screen/results.jsonl && touch "$OUT/results.jsonl"
    for i in $(seq 0 $(($3 - 1))); do
        timeout "${LIMIT:-400}" python3 -m training screen --variants "$2" --run /tmp/run --part "$i/$3" >"/tmp/log.$i" 2>&1 &
    done
    wait
    grep -h epoch /tmp/log.*
    cat /tmp/log.0 | grep -v Loading | tail -20 ;;
esac
date +%T
