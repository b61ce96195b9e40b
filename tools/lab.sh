#!/usr/bin/env bash
# What lab hosts need on this machine: podman and an image. Quick when both are there.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/venv.sh
lab/bootstrap.sh
lab/image.sh >/dev/null
