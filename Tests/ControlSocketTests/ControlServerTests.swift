import ControlSocket
import Foundation
import Logging
import NIOCore
import NIOPosix
import Primitives
import Testing

/// A client that speaks bytes, not messages.
final class RawClient {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    func write(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func frame(_ text: String) {
        let count = UInt32(text.utf8.count)
        write([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + Array(text.utf8))
    }

    /// True if the server ended the connection within five seconds; what it said before is passed over.
    func isCutOff() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
            if count < 0 { return false }
        }
    }

    deinit { close(descriptor) }
}

@Suite struct ControlServerTests {
    @Test func socketAndDirectoryAreTheOwnersAlone() async throws {
        try await withServer { home, _, _ in
            var status = stat()
            #expect(stat(home + "/run", &status) == 0 && status.st_mode & 0o777 == 0o700)
            #expect(stat(home + "/run/agent.sock", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func aSecondAgentIsRefusedAndAStaleSocketReplaced() async throws {
        try await withServer { home, _, handler in
            let second = try ControlServer(
                address: .resolve(home: home), group: MultiThreadedEventLoopGroup.singleton, handler: handler,
                logger: Logger(label: "test"))
            let socket = try ControlAddress.resolve(home: home).socket
            #expect(await failure { try await second.start() } == .agentAlreadyRunning(socket))
            let client = try await ControlClient.connect(home: home)
            let echo: Text = try await client.call("echo", Text(text: "unharmed"))
            #expect(echo.text == "unharmed")
        }
        let home = try makeHome()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let address = try ControlAddress.resolve(home: home)
        mkdir(home + "/run", 0o755)
        try leaveStaleSocket(address.socket)
        #expect(await failure { _ = try await ControlClient.connect(home: home) }?.code == 9)
        chmod(home + "/run", 0o700)
        #expect(await failure { _ = try await ControlClient.connect(home: home) } == .agentNotRunning)
        let server = ControlServer(
            address: address, group: MultiThreadedEventLoopGroup.singleton, handler: EchoHandler(),
            logger: Logger(label: "test"))
        try await server.start()
        await (try ControlClient.connect(home: home)).close()
        await server.stop()
        #expect(access(address.socket, F_OK) != 0)
    }

    /// A listener on `path` that ends without removing it, as a killed agent does.
    private func leaveStaleSocket(_ path: String) throws {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && listen(listener, 1) == 0)
    }

    @Test func aFileInTheSocketsPlaceIsNotRemoved() async throws {
        let home = try makeHome()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let address = try ControlAddress.resolve(home: home)
        mkdir(home + "/run", 0o700)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: address.socket))
        let server = ControlServer(
            address: address, group: MultiThreadedEventLoopGroup.singleton, handler: EchoHandler(),
            logger: Logger(label: "test"))
        #expect(await failure { try await server.start() }?.code == 9)
        #expect(try String(contentsOfFile: address.socket, encoding: .utf8) == "mine")
    }

    @Test(arguments: [
        [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0x00, 0x10, 0x00, 0x01], Array("GET / HTTP/1.1\r\n\r\n".utf8),
    ]) func forbiddenLengthsAreCutOffAndCounted(bytes: [UInt8]) async throws {
        try await expectRefusal(\.lengths) { $0.write(bytes) }
    }

    @Test(arguments: [
        "x", "{}", "[]", "{\"id\":1}", "{\"kind\":\"echo\"}", "{\"id\":-1,\"kind\":\"echo\"}",
        "{\"id\":0,\"kind\":\"echo\",\"body\":{}}", "{\"id\":1,\"kind\":\"a b\"}", "{\"id\":1,\"kind\":\"\\u0065\"}",
        "{\"id\":1,\"kind\":\"echo\",\"body\":{\"a\":\"}", "{\"id\":1,\"kind\":\"echo\"}}",
        "{\"id\":1,\"id\":2,\"kind\":\"a\"}",
        "{\"id\":99999999999999999999,\"kind\":\"echo\"}", "{\"id\":1,\"kind\":\"echo\",\"body\":}", "\"\\",
        String(repeating: "[", count: 100_000),
    ]) func garbageIsCutOffAndCounted(text: String) async throws {
        try await expectRefusal(\.garbage) { $0.frame(text) }
    }

    @Test func halfAMessageIsCutOffAfterAWhile() async throws {
        try await expectRefusal(\.halfMessages) { $0.write([0, 0, 0, 9, 1, 2]) }
        try await expectRefusal(\.halfMessages) { $0.write([0]) }
    }

    @Test func aStrangerIsRefused() async throws {
        try await withServer(uid: geteuid() + 1) { home, server, _ in
            let raw = try RawClient(ControlAddress.resolve(home: home).socket)
            raw.frame("{\"id\":1,\"kind\":\"echo\"}")
            #expect(raw.isCutOff())
            #expect(try await eventually { server.refusals.strangers == 1 })
        }
    }

    @Test func aClientThatDoesNotReadIsCutOff() async throws {
        try await withServer { home, server, _ in
            let raw = try RawClient(ControlAddress.resolve(home: home).socket)
            raw.frame("{\"id\":1,\"kind\":\"flood\"}")
            #expect(try await eventually { server.refusals.slowReaders > 0 })
            #expect(try await eventually { server.connectionCount == 0 })
            let client = try await ControlClient.connect(home: home)
            let echo: Text = try await client.call("echo", Text(text: "x"))
            #expect(echo.text == "x")
        }
    }

    @Test func oneConnectionTooManyIsToldSo() async throws {
        try await withServer { home, server, _ in
            let path = try ControlAddress.resolve(home: home).socket
            var clients: [RawClient] = []
            for _ in 0..<Limits.controlConnections { clients.append(try RawClient(path)) }
            #expect(try await eventually { server.connectionCount == Limits.controlConnections })
            let refused = await failure {
                _ = try await ControlClient.connect(home: home).call("echo", body: [])
            }
            #expect(refused?.code == 75)
            #expect(server.refusals.tooMany == 1)
            clients.removeAll()
            #expect(try await eventually { server.connectionCount == 0 })
            await (try ControlClient.connect(home: home)).close()
        }
    }

    @Test func aLongHomeGetsAShortSocketThatBothEndsFind() async throws {
        let name = String(repeating: "long", count: 30)
        try await withServer(homeName: name) { home, _, _ in
            let address = try ControlAddress.resolve(home: home)
            #expect(address.socket.utf8.count <= 107 && address.directory != home + "/run")
            let pointer = try #require(address.pointer)
            #expect(try String(contentsOfFile: pointer, encoding: .utf8) == address.socket + "\n")
            let client = try await ControlClient.connect(home: home + "/../" + name)
            let echo: Text = try await client.call("echo", Text(text: "x"))
            #expect(echo.text == "x")
        }
        let other = try makeHome(name + "b")
        #expect(await failure { _ = try await ControlClient.connect(home: other) } == .agentNotRunning)
    }

    /// Does `act` beside a good client: the bad one is cut off and counted, the good one answered before and after.
    private func expectRefusal(
        _ count: KeyPath<ControlRefusals, Int> & Sendable, _ act: (RawClient) -> Void
    ) async throws {
        try await withServer(halfMessage: .milliseconds(30)) { home, server, _ in
            let client = try await ControlClient.connect(home: home)
            let raw = try RawClient(ControlAddress.resolve(home: home).socket)
            act(raw)
            #expect(raw.isCutOff())
            #expect(server.refusals[keyPath: count] == 1)
            let echo: Text = try await client.call("echo", Text(text: "x"))
            #expect(echo.text == "x")
        }
    }
}
