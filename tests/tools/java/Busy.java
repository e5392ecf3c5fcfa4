import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;

/** Threads, sockets, children, files. */
class Busy {
    public static void main(String[] arguments) throws Exception {
        System.out.println("threads " + LongStream.range(0, 1_000_000).parallel().sum());
        System.out.println("socket " + askItself());
        var child = new ProcessBuilder("sh", "-c", "echo child; exit 3").start();
        System.out.println(new String(child.getInputStream().readAllBytes()).trim() + " " + child.waitFor());
        System.out.println("mapped " + mapped());
        System.out.println("watched " + watched());
        System.gc();
        System.out.println("processors " + (Runtime.getRuntime().availableProcessors() > 0));
    }

    static String askItself() throws Exception {
        try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            var pool = Executors.newFixedThreadPool(2);
            pool.submit(() -> {
                try (var peer = server.accept()) {
                    peer.getOutputStream().write("hi".getBytes());
                }
                return null;
            });
            try (var socket = new Socket(server.getInetAddress(), server.getLocalPort())) {
                return new String(socket.getInputStream().readAllBytes());
            } finally {
                pool.shutdown();
            }
        }
    }

    static int mapped() throws Exception {
        try (var file = new RandomAccessFile("mapped", "rw")) {
            var view = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 4096);
            view.put(0, (byte) 7);
            view.force();
            return file.read();
        }
    }

    static Object watched() throws Exception {
        var directory = Files.createTempDirectory(Path.of("."), "watched");
        try (var service = directory.getFileSystem().newWatchService()) {
            directory.register(service, StandardWatchEventKinds.ENTRY_CREATE);
            Files.createFile(directory.resolve("file"));
            return service.poll(20, TimeUnit.SECONDS).pollEvents().get(0).context();
        }
    }
}
