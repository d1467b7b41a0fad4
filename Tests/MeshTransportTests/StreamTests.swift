import Foundation
import Identity
import Primitives
import Synchronization
import Testing

@testable import MeshTransport

/// A child whose standard input and output are one end of a stream, as git's are.
private func startChild(_ arguments: [String], on descriptor: Int32) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = FileHandle(fileDescriptor: dup(descriptor), closeOnDealloc: true)
    process.standardOutput = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try process.run()
    return process
}

/// Runs a command to its end; a failure is an issue of the test.
private func run(_ program: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(arguments)")
}

/// Streams whose header names a command that is run on the accepting side.
private let commands: Switchboard.StreamHandlerFunction = { _, header in
    guard let ends = try? StreamDescriptors.pair() else { return .refuse("no descriptors") }
    let words = String(decoding: header, as: UTF8.self).split(separator: " ").map(String.init)
    Thread.detachNewThread {
        guard let process = try? startChild(words, on: ends.user) else { return }
        process.waitUntilExit()
    }
    return .accept(ends.transport)
}

private func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes {
            send(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written, Int32(MSG_NOSIGNAL))
        }
        if count <= 0 { break }
        written += count
    }
    return written
}

private func readAll(_ descriptor: Int32) -> [UInt8] {
    var all: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &block, block.count)
        if count <= 0 { return all }
        all += block.prefix(count)
    }
}

/// How many bytes of both are the same from the start.
private func equalBytes(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var equal = 0
    let block = 4096
    while equal < min(a.count, b.count), a[equal...].prefix(block) == b[equal...].prefix(block) { equal += block }
    return min(equal, a.count, b.count)
}

private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
    return Array(bytes.prefix(count))
}

@Suite(.serialized) struct StreamTests {
    private func pair(_ handler: @escaping Switchboard.StreamHandlerFunction = commands) async throws -> (Node, Node) {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids, streams: handler)
        a.dial(b)
        return (a, b)
    }

    private func expectNoConnectionsLeft(_ a: Node, _ b: Node) async throws {
        a.transport.setPeers([])
        a.transport.cut(b.id)
        b.transport.cut(a.id)
        try await eventually("no connection left") {
            let counts = (await a.transport.connectionCount(), await b.transport.connectionCount())
            return counts == (0, 0)
        }
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func fiftyMegabytesEachWayThroughAChild() async throws {
        let (a, b) = try await pair()
        let bytes = noise(50 << 20, seed: 1)
        let descriptor = try await a.transport.openStream(to: b.id, header: Array("cat".utf8))
        let start = ContinuousClock.now
        async let sent = onThread {
            defer { shutdown(descriptor, Int32(SHUT_WR)) }
            return writeAll(descriptor, bytes)
        }
        let received = try await onThread { readAll(descriptor) }
        let isSame = received == bytes
        #expect(try await sent == bytes.count)
        // Not the arrays themselves: a failure would print them.
        #expect(isSame, "\(received.count) bytes came back, equal up to \(equalBytes(received, bytes))")
        print("50 MiB there and back through cat: \(ContinuousClock.now - start)")
        close(descriptor)
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func theEndOfInputIsSeenOverThereAndTheAnswerStillComes() async throws {
        let (a, b) = try await pair()
        // wc answers only after its input has ended: without half-close this would hang.
        let descriptor = try await a.transport.openStream(to: b.id, header: Array("wc -c".utf8))
        let answer = try await onThread {
            _ = writeAll(descriptor, noise(300_000, seed: 2))
            shutdown(descriptor, Int32(SHUT_WR))
            return String(decoding: readAll(descriptor), as: UTF8.self)
        }
        #expect(answer == "300000\n")
        close(descriptor)
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func aChildThatOnlySpeaksIsHeardToItsEnd() async throws {
        let (a, b) = try await pair()
        let descriptor = try await a.transport.openStream(to: b.id, header: Array("seq 200000".utf8))
        let answer = try await onThread { readAll(descriptor) }
        #expect(answer.count == 1_288_895)
        close(descriptor)
        try await expectNoConnectionsLeft(a, b)
    }

    /// A small pack is all sent before the other side has its end of the stream.
    @Test func aWholeStreamThatIsOverAtOnceIsNotMissed() async throws {
        let (a, b) = try await pair { _, _ in
            guard let ends = try? StreamDescriptors.pair() else { return .refuse("no descriptors") }
            _ = writeAll(ends.user, noise(5000, seed: 3))
            close(ends.user)
            return .accept(ends.transport)
        }
        for _ in 0..<20 {
            let descriptor = try await a.transport.openStream(to: b.id, header: [1])
            let answer = try await onThread { readAll(descriptor) }
            #expect(answer == noise(5000, seed: 3))
            close(descriptor)
        }
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func aReaderThatIsLateMissesNothing() async throws {
        let (a, b) = try await pair()
        try await eventually("link") { a.isLinked(to: b.id) }
        let descriptor = try await a.transport.openStream(to: b.id, header: Array("head -c 1500000 /dev/zero".utf8))
        shutdown(descriptor, Int32(SHUT_WR))
        // The other end has said all, and is gone, before the first byte is read here.
        try await eventually("only the link is left over there") { await b.transport.connectionCount() == 1 }
        let received = try await onThread { readAll(descriptor) }
        #expect(received.count == 1_500_000)
        close(descriptor)
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func aChildThatStopsReadingEndsTheWriter() async throws {
        let (a, b) = try await pair()
        let descriptor = try await a.transport.openStream(to: b.id, header: Array("head -c 5".utf8))
        let bytes = noise(30 << 20, seed: 3)
        async let sent = onThread { writeAll(descriptor, bytes) }
        let received = try await onThread { readAll(descriptor) }
        #expect(received.prefix(10) == bytes.prefix(5))
        #expect(try await sent < bytes.count)
        close(descriptor)
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func aUserThatGoesAwayEndsTheChild() async throws {
        let ended = Mutex(false)
        let (a, b) = try await pair { _, _ in
            guard let ends = try? StreamDescriptors.pair() else { return .refuse("no descriptors") }
            Thread.detachNewThread {
                _ = writeAll(ends.user, noise(30 << 20, seed: 4))
                _ = readAll(ends.user)
                close(ends.user)
                ended.withLock { $0 = true }
            }
            return .accept(ends.transport)
        }
        let descriptor = try await a.transport.openStream(to: b.id, header: [])
        close(descriptor)
        try await eventually("the other side ended") { ended.withLock { $0 } }
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func aSlowReaderHoldsTheWriterBack() async throws {
        let (a, b) = try await pair { _, _ in
            guard let ends = try? StreamDescriptors.pair() else { return .refuse("no descriptors") }
            // Never read, never closed: the bytes stay in the socket buffers.
            return .accept(ends.transport)
        }
        let descriptor = try await a.transport.openStream(to: b.id, header: [])
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        let block = [UInt8](repeating: 1, count: 1 << 20)
        var taken = 0
        var idle = 0
        while idle < 100 {
            let count = block.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 {
                taken += count
                idle = 0
            } else {
                idle += 1
                try await Task.sleep(for: .milliseconds(3))
            }
        }
        #expect(taken < 24 << 20)
        close(descriptor)
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func refusedStreamsSayWhy() async throws {
        let (a, b) = try await pair { device, header in .refuse("no such workspace: \(header.count) \(device.short)") }
        let reason = "no such workspace: 3 \(a.id.short)"
        await #expect(throws: TransportError.streamRefused(b.id, reason: reason)) {
            try await a.transport.openStream(to: b.id, header: [1, 2, 3])
        }
        let stranger = DeviceID(number: 9)
        await #expect(throws: TransportError.unknownPeer(stranger)) {
            try await a.transport.openStream(to: stranger, header: [])
        }
        await #expect(throws: TransportError.self) {
            try await a.transport.openStream(
                to: b.id, header: [UInt8](repeating: 0, count: Limits.streamHeaderBytes + 1))
        }
        #expect(b.transport.counters.streamsRefused == 1)
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func streamsPerPeerAreBounded() async throws {
        let (a, b) = try await pair()
        var descriptors: [Int32] = []
        for _ in 0..<Limits.streamsPerPeer {
            descriptors.append(try await a.transport.openStream(to: b.id, header: Array("cat".utf8)))
        }
        await #expect(throws: TransportError.tooManyStreams(b.id)) {
            try await a.transport.openStream(to: b.id, header: Array("cat".utf8))
        }
        for descriptor in descriptors { close(descriptor) }
        try await eventually("room again") {
            guard let descriptor = try? await a.transport.openStream(to: b.id, header: Array("cat".utf8)) else {
                return false
            }
            close(descriptor)
            return true
        }
        try await expectNoConnectionsLeft(a, b)
    }

    @Test func j3RemovalCutsStreamsToo() async throws {
        let (a, b) = try await pair()
        let descriptor = try await a.transport.openStream(to: b.id, header: Array("cat".utf8))
        let start = ContinuousClock.now
        b.roster.update(members: [b.id], removed: [a.id])
        #expect(try await onThread { readAll(descriptor) }.isEmpty)
        #expect(ContinuousClock.now - start < .seconds(2))
        close(descriptor)
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func gitFetchesOverAStream() async throws {
        let scratch = try Scratch()
        let script = """
            set -e; cd "$1"; export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
            git init -q one; cd one; seq 50000 > numbers; git add .
            git -c user.name=a -c user.email=a@b commit -q -m first; cd ..; git init -q two
            """
        try await onThread { try run("/bin/sh", ["-c", script, "sh", scratch.path]) }
        let (a, b) = try await pair()
        let header = Array("git upload-pack \(scratch.path)/one".utf8)
        let descriptor = try await a.transport.openStream(to: b.id, header: header)
        let fetch = "cd \"$1/two\" && exec git -c protocol.fd.allow=always fetch -q fd::3 HEAD:refs/heads/got 3<&0"
        try await onThread {
            let child = try startChild(["sh", "-c", fetch, "sh", scratch.path], on: descriptor)
            child.waitUntilExit()
            #expect(child.terminationStatus == 0)
            let check = "test \"$(git -C \"$1/one\" rev-parse HEAD)\" = \"$(git -C \"$1/two\" rev-parse got)\""
            try run("/bin/sh", ["-c", check, "sh", scratch.path])
        }
        try await expectNoConnectionsLeft(a, b)
    }
}
