"""Forks twice, and answers on a socket until it is told to end."""
import os, signal, socket, sys

place = sys.argv[1]


def leave():
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o027)
    nothing = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def end(*_):
    log("ended")
    for name in "pid", "socket":
        os.unlink(f"{place}/{name}")
    os._exit(0)


def log(text):
    with open(f"{place}/log", "a") as file:
        file.write(text + "\n")


leave()
signal.signal(signal.SIGHUP, lambda *_: log("reread"))
signal.signal(signal.SIGTERM, end)
server = socket.socket(socket.AF_UNIX)
server.bind(f"{place}/socket")
server.listen()
with open(f"{place}/pid", "w") as file:
    file.write(str(os.getpid()))
while True:
    peer, _ = server.accept()
    peer.sendall(peer.recv(100).replace(b"i", b"o"))
    peer.close()
