import Foundation
import Logging
import Testing

@testable import ControlSocket

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A small HTTP server of our own, over real sockets.
@Suite struct MetricsServerTests {
    private func with(_ body: (Int) async throws -> Void) async throws {
        let server = try MetricsServer(
            address: "127.0.0.1:0", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { "baton_up 1\n" }
        let port = try await server.start()
        do {
            try await body(port)
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    /// On a thread of its own: a wait must not take one of those that the server's answer needs.
    private func ask(_ port: Int, _ pieces: [String]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try Self.exchange(port, pieces) }) }
        }
    }

    /// Sends the pieces, and reads up to the end.
    private static func exchange(_ port: Int, _ pieces: [String]) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        for piece in pieces {
            let bytes = Array(piece.utf8)
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[0..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    @Test func answersMetricsAndNothingElse() async throws {
        try await with { port in
            let good = try await ask(port, ["GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n"])
            #expect(good.hasPrefix("HTTP/1.1 200 OK\r\n") && good.hasSuffix("\r\n\r\nbaton_up 1\n"))
            #expect(good.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(good.contains("Content-Length: 11\r\n"))
            let pieces = try await ask(port, ["GET /met", "rics HTTP/1.1\r\n", "Host: localhost\r\n\r\n"])
            #expect(pieces.hasPrefix("HTTP/1.1 200"))
            for (request, code) in [
                ("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"), ("GET / HTTP/1.1\r\n\r\n", "404"),
                ("GET /metrics HTTP/1.1\r\nHost: baton.example\r\n\r\n", "403"), ("nonsense\r\n\r\n", "400"),
                (String(repeating: "a", count: 9000), "431"), ("\r\n\r\n", "400"),
            ] {
                let answer = try await ask(port, [request])
                #expect(answer.hasPrefix("HTTP/1.1 \(code) "), "\(code)")
            }
        }
    }

    @Test(arguments: ["0.0.0.0:9470", "[::]:9470", "192.168.1.7:9470", "127.0.0.1", "127.0.0.1:99999", "", "x:"])
    func onlyOnThisMachine(address: String) {
        #expect(throws: ControlFailure.self) {
            _ = try MetricsServer(address: address, logger: Logger(label: "test")) { "" }
        }
    }

    /// A datagram of the kind that sd_notify(3) sends.
    @Test func theServiceManagerIsTold() throws {
        let path = NSTemporaryDirectory() + "bn-" + UUID().uuidString.prefix(8)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(descriptor)
            unlink(path)
            unsetenv("NOTIFY_SOCKET")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        setenv("NOTIFY_SOCKET", path, 1)
        ServiceNotice.send("READY=1")
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        #expect(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self) == "READY=1")
    }
}
