"""What programs in Python lean on: each line says that a part of it works."""
import array, asyncio, ctypes, fcntl, mmap, multiprocessing, os, pty, select, signal, socket, sqlite3
import subprocess, tempfile, threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory


def square(n):
    return n * n


def processes():
    with multiprocessing.Pool(4) as pool:
        print("pool", sum(pool.map(square, range(100))))
    for way in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(way)
        queue, lock = context.Queue(), context.Lock()
        with lock:
            child = context.Process(target=queue.put, args=(7,))
            child.start()
        print(way, queue.get(timeout=20))
        child.join()
    with ProcessPoolExecutor(2) as executor:
        print("executor", sum(executor.map(square, range(10))))
    memory = shared_memory.SharedMemory(create=True, size=4096)
    memory.buf[0] = 9
    again = shared_memory.SharedMemory(memory.name)
    print("shared", again.buf[0])
    again.close()
    memory.unlink()
    with multiprocessing.Manager() as manager:
        print("manager", manager.list([1, 2])[1])


def children():
    print("subprocess", subprocess.check_output(["echo", "child"], text=True).strip())
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ)
    print("spawn", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    descriptor = os.pidfd_open(child.pid)
    signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    print("pidfd", child.wait(20))
    said = []
    pty.spawn(["sh", "-c", "tty >/dev/null && echo terminal"], lambda fd: said.append(os.read(fd, 99)) or b"")
    print("pty", b"".join(said).decode().strip())


def system():
    base = sqlite3.connect("base.db")
    base.execute("pragma journal_mode=wal")
    base.execute("create table t (n)")
    base.executemany("insert into t values (?)", [(n,) for n in range(1000)])
    base.commit()
    print("sqlite", base.execute("select sum(n) from t").fetchone()[0])
    print("ctypes", ctypes.CDLL(None).abs(-5))
    with tempfile.TemporaryFile() as file:
        file.truncate(8192)
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)
        with mmap.mmap(file.fileno(), 8192) as view:
            view[:4] = b"text"
        print("mmap", os.pread(file.fileno(), 4, 0).decode())
    memory = os.memfd_create("m", os.MFD_ALLOW_SEALING)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    print("affinity", len(os.sched_getaffinity(0)) > 0, os.nice(1) > 0)
    signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.1)


def sockets():
    one, two = socket.socketpair()
    with open("passed", "w") as file:
        socket.send_fds(one, [b"x"], [file.fileno()])
    os.write(socket.recv_fds(two, 1, 1)[1][0], b"passed")
    print("descriptor", open("passed").read())
    poll = select.epoll()
    poll.register(two, select.EPOLLIN)
    one.send(b"y")
    print("epoll", len(poll.poll(20)))
    for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        server = socket.create_server((address, 0), family=family)
        threading.Thread(target=lambda: server.accept()[0].sendall(b"hi")).start()
        print(address, socket.create_connection(server.getsockname()[:2]).recv(2).decode())
    print("name", socket.gethostbyname("localhost"))


async def loop():
    server = await asyncio.start_server(lambda r, w: w.write(b"line\n"), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print("asyncio", (await reader.readline()).decode().strip())
    child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    print("cat", (await child.communicate(b"whole"))[0].decode())
    print("thread", await asyncio.to_thread(square, 5))


if __name__ == "__main__":
    processes()
    children()
    system()
    sockets()
    asyncio.run(loop())
