# Children, sockets, signals, files: what scripts in Perl do.
use strict;
use warnings;
use Fcntl qw(:flock);
use File::Temp qw(tempfile);
use IO::Socket::INET;
use POSIX qw(mkfifo setsid);

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "listen: $!";
my $child = fork // die "fork: $!";
if (!$child) { setsid; my $peer = $server->accept; print $peer "hi\n"; exit 3 }
my $line = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport)->getline;
waitpid $child, 0;
print 'socket ', $line, 'status ', $? >> 8, "\n";
print 'pipe ', `echo through | tr a-z A-Z`;
local $SIG{ALRM} = sub { print "alarm\n" };
alarm 1; select undef, undef, undef, 5; alarm 0;
my ($file, $name) = tempfile;
flock $file, LOCK_EX or die "lock: $!";
print $file "text"; close $file;
print 'file ', -s $name, "\n";
mkfifo 'fifo', 0600 or die "fifo: $!";
system 'echo fifo > fifo & cat fifo; wait';
print join(' ', sort map { s/.*\///r } glob '/usr/bin/perl'), "\n";
