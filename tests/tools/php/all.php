<?php
// Children, locks, temporary files, a pair of sockets.
echo "child ", trim(shell_exec('echo said')), "\n";
$process = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
fwrite($pipes[0], "whole"); fclose($pipes[0]);
echo "pipe ", stream_get_contents($pipes[1]), "\n";
proc_close($process);
[$one, $two] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
fwrite($one, "hi\n");
echo "socket ", fgets($two);
$file = tmpfile();
echo "lock ", var_export(flock($file, LOCK_EX), true), "\n";
