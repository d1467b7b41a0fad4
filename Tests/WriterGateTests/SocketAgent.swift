import Foundation
import Logging
import Primitives
import Synchronization

@testable import WriterGate

/// A stand-in for the agent and for the control socket: a gate behind a Unix socket, a line of JSON a message.
struct Wire: Codable, Sendable {
    var id: UInt64
    var kind: String
    var body: [UInt8]
}

/// One end of a connection; reads on a thread of its own.
final class WireEnd: Sendable {
    private let descriptor: Int32
    let isClosed = Mutex(false)

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Under the lock, as the end is: the number of a closed descriptor may be another's.
    func send(_ wire: Wire) {
        guard let line = try? JSONEncoder().encode(wire) else { return }
        let bytes = Array(line) + [UInt8(ascii: "\n")]
        isClosed.withLock { isClosed in
            if !isClosed { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
        }
    }

    func read(_ each: @escaping @Sendable (Wire) -> Void, end: @escaping @Sendable () -> Void) {
        Thread.detachNewThread {
            var rest: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(self.descriptor, &piece, piece.count, 0)
                guard count > 0 else { break }
                rest += piece[0..<count]
                while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    if let wire = try? JSONDecoder().decode(Wire.self, from: Data(rest[..<newline])) { each(wire) }
                    rest = Array(rest[(newline + 1)...])
                }
            }
            self.isClosed.withLock { isClosed in
                isClosed = true
                Glibc.close(self.descriptor)
            }
            end()
        }
    }

    func hangUp() {
        isClosed.withLock { isClosed in
            if !isClosed { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }
}

private func address(_ path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    return address
}

private func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var place = address(path)
    return withUnsafePointer(to: &place) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

/// Serves `gate` at `path` until the process ends or `stop`.
final class SocketAgent: Sendable {
    private let listener: Int32
    private let ends = Mutex<[WireEnd]>([])

    init(_ gate: WriterGate, at path: String) {
        unlink(path)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        _ = withAddress(path) { bind(listener, $0, $1) }
        listen(listener, 128)
        Thread.detachNewThread { [listener] in
            var lastID: UInt64 = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                lastID += 1
                self.serve(WireEnd(descriptor), lastID, gate)
            }
        }
    }

    private func serve(_ end: WireEnd, _ id: UInt64, _ gate: WriterGate) {
        ends.withLock { $0.append(end) }
        let session = GateSession(
            id: id, notify: { end.send(Wire(id: 0, kind: $0, body: $1)) }, isClosed: { end.isClosed.withLock { $0 } })
        end.read { wire in
            Task {
                do {
                    let reply = try await gate.handle(kind: wire.kind, body: wire.body, session: session)
                    end.send(Wire(id: wire.id, kind: "reply", body: reply))
                } catch let error as GateFailure {
                    end.send(Wire(id: wire.id, kind: "error", body: Array("\(error.code) \(error.message)".utf8)))
                }
            }
        } end: {
            gate.sessionClosed(id)
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        for end in ends.withLock({ $0 }) { end.hangUp() }
    }
}

/// The wrapper's end of the stand-in.
final class SocketLink: GateLink {
    private let end: WireEnd
    private let calls = Mutex<(last: UInt64, waiting: [UInt64: CheckedContinuation<[UInt8], any Error>])>((0, [:]))
    private let notices: AsyncStream<Wire>

    struct NoAgent: Error {}

    static func connector(_ path: String) -> GateConnector { { try SocketLink(path) } }

    init(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard withAddress(path, { connect(descriptor, $0, $1) }) == 0 else {
            Glibc.close(descriptor)
            throw NoAgent()
        }
        end = WireEnd(descriptor)
        let (stream, sink) = AsyncStream<Wire>.makeStream()
        notices = stream
        end.read { [weak self] wire in
            guard wire.id != 0 else { return _ = sink.yield(wire) }
            let call = self?.calls.withLock { $0.waiting.removeValue(forKey: wire.id) }
            if wire.kind == "reply" {
                call?.resume(returning: wire.body)
            } else {
                let text = String(decoding: wire.body, as: UTF8.self).split(separator: " ", maxSplits: 1)
                call?.resume(throwing: GateFailure(code: Int32(text[0]) ?? 1, message: String(text[1])))
            }
        } end: { [weak self] in
            sink.finish()
            let calls = self?.calls.withLock { calls in
                defer { calls.waiting = [:] }
                return Array(calls.waiting.values)
            }
            for call in calls ?? [] { call.resume(throwing: NoAgent()) }
        }
    }

    func call(_ kind: String, _ body: [UInt8]) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            guard !end.isClosed.withLock({ $0 }) else { return continuation.resume(throwing: NoAgent()) }
            let id = calls.withLock { calls in
                calls.last += 1
                calls.waiting[calls.last] = continuation
                return calls.last
            }
            end.send(Wire(id: id, kind: kind, body: body))
        }
    }

    func nextNotice() async -> (kind: String, body: [UInt8])? {
        var iterator = notices.makeAsyncIterator()
        return await iterator.next().map { ($0.kind, $0.body) }
    }

    func close() async { end.hangUp() }
}
