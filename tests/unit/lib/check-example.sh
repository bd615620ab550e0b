#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example prints what it should: check-example.sh PROGRAM
set -eu

# Built for another kind of machine, it is run by what meson says.
run() {
        # shellcheck disable=SC2086 # words of a command
        $MESON_EXE_WRAPPER "$@"
}

: "${MESON_EXE_WRAPPER:=}"
SECRET=ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe
export SECRET
run "$1" a1X2bEnP82z example1 cn-shanghai | diff -u /dev/fd/3 - 3<<'OUTPUT'
endpoint   a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com:1883
client id  a1X2bEnP82z.example1|securemode=2,signmethod=hmacsha256|
user name  example1&a1X2bEnP82z
password   5DC75BB933CDD4E43F20DB3309FFDBC87F38A5290F05BFB25D8BC678060197E2
OUTPUT

if message=$(run "$1" a1X2bEnP82z 'a b c' cn-shanghai 2>&1); then
        echo "a malformed device name was accepted" >&2
        exit 1
fi
case $message in *device_name*) ;; *) echo "unclear: $message" >&2 && exit 1 ;; esac
