# `soon CLAIM`: waits until it is true.
soon() { for _ in $(seq 50); do eval "$1" 2>/dev/null && return; sleep 0.1; done; echo "never: $1"; exit 1; }
for name in sh httpd wget seq awk sed tar gzip gunzip find sort grep cat crond start-stop-daemon ps kill sleep; do
    mkdir -p bin && ln -sf "$(readlink /proc/$$/exe)" bin/$name
done
PATH=$PWD/bin
seq 100 | awk '{ n += $1 } END { print n }'
mkdir site && echo page >site/index.html
httpd -p 127.0.0.1:8000 -h site
wget -q -O - http://127.0.0.1:8000/
tar -czf site.tgz site && tar -tzf site.tgz | sort | sed -n '$p'
start-stop-daemon -S -b -m -p "$PWD/pid" -x "$PWD/bin/sleep" -- 60
soon 'kill -0 "$(cat pid)"'
start-stop-daemon -K -q -p "$PWD/pid" && echo stopped
mkdir tabs && start-stop-daemon -S -b -m -p "$PWD/pid" -x "$PWD/bin/crond" -- -f -c "$PWD/tabs" -L "$PWD/log"
soon 'grep -q started log'
start-stop-daemon -K -q -p "$PWD/pid" && echo scheduled
