# Threads, children, sockets, signals.
require 'open3'
require 'socket'
require 'tempfile'

puts "threads #{(1..8).map { |n| Thread.new { n * n } }.sum(&:value)}"
server = TCPServer.new('127.0.0.1', 0)
Thread.new { server.accept.tap { |peer| peer.write('hi') }.close }
puts "socket #{TCPSocket.new('127.0.0.1', server.addr[1]).read}"
out, status = Open3.capture2('cat; exit 3', stdin_data: 'whole')
puts "child #{out} #{status.exitstatus}"
reader, writer = IO.pipe
pid = fork { writer.write('forked'); exit!(0) }
Process.wait(pid)
writer.close
puts reader.read
Signal.trap('USR1') { puts 'signalled' }
Process.kill('USR1', Process.pid)
sleep 0.1
Tempfile.create('t') { |file| file.flock(File::LOCK_EX) and puts 'locked' }
