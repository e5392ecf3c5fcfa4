"""Asks a socket."""
import socket, sys

peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(sys.argv[2].encode())
print(peer.recv(100).decode())
