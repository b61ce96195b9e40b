#!/bin/sh
# What runs beside the application; notes time, process, release and event in $APP_SHARED/<name>.
name=$1
note() {
  echo "$(date +%s.%N) $$ $APP_RELEASE $1" >>"$APP_SHARED/$name"
}

if [ "$name" = job ]; then
  # Two seconds longer than its release is the current one.
  note begin
  while [ "$(readlink "$APP_SHARED/../current")" = "releases/$APP_RELEASE" ]; do
    sleep 0.2
  done
  sleep 2
  note end
  exit
fi

# Two at once meet at this directory.
mkdir "$APP_SHARED/$name.alone" || note overlap
trap 'rmdir "$APP_SHARED/$name.alone"; note end; exit' TERM
note begin
while :; do
  sleep 60 &
  wait $!
done
