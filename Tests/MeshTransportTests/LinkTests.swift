import Foundation
import Identity
import Primitives
import Synchronization
import Testing

@testable import MeshTransport

@Suite struct LinkTests {
    @Test func twoDevicesLinkAndSendBothWays() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        #expect(a.transport.send([1], to: b.id) == .notConnected)
        a.dial(b)
        try await eventually("link") { a.isLinked(to: b.id) && b.isLinked(to: a.id) }
        #expect(a.transport.send([1, 2, 3], to: b.id) == .sent)
        #expect(b.transport.send([4], to: a.id) == .sent)
        try await eventually("frames") { !a.recorder.frames.isEmpty && !b.recorder.frames.isEmpty }
        #expect(b.recorder.events == [.linkUp(a.id), .frame(a.id, [1, 2, 3])])
        #expect(a.recorder.events == [.linkUp(b.id), .frame(b.id, [4])])
        #expect(a.transport.links.map(\.dialedHere) == [true])
        #expect(b.transport.links.map(\.dialedHere) == [false])
        await a.transport.stop()
        try await eventually("down") { b.recorder.events.contains(.linkDown(a.id, .closedByPeer)) }
        #expect(a.recorder.events.last == .linkDown(b.id, .stopped))
        #expect(a.transport.send([1], to: b.id) == .notConnected)
        await b.transport.stop()
    }

    @Test func threeDevicesThatAllDialEndWithOneLinkPerPair() async throws {
        let ids = try identities(3)
        var nodes: [Node] = []
        for id in ids { nodes.append(try await Node.start(id, members: ids)) }
        for node in nodes {
            node.transport.setPeers(nodes.map { PeerTarget(device: $0.id, addresses: [$0.address]) })
        }
        let all = nodes
        try await eventually("one connection per pair, the same at both ends") {
            for node in all where await node.transport.connectionCount() != 2 || node.transport.links.count != 2 {
                return false
            }
            return true
        }
        for a in nodes {
            for b in nodes where a.id != b.id {
                let here = try #require(a.transport.links.first { $0.device == b.id })
                let there = try #require(b.transport.links.first { $0.device == a.id })
                #expect(here.dialedHere != there.dialedHere)
                #expect(a.transport.send([7], to: b.id) == .sent)
            }
        }
        for node in nodes {
            try await eventually("two frames") { node.recorder.frames.count == 2 }
        }
        for node in nodes { await node.transport.stop() }
    }

    @Test func twoDiallersAgreeAgainAndAgain() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        for _ in 0..<10 {
            a.dial(b)
            b.dial(a)
            try await eventually("one link") {
                let counts = (await a.transport.connectionCount(), await b.transport.connectionCount())
                return counts == (1, 1) && a.isLinked(to: b.id) && b.isLinked(to: a.id)
            }
            a.transport.setPeers([])
            b.transport.setPeers([])
            a.transport.cut(b.id)
            try await eventually("no link") { !a.isLinked(to: b.id) && !b.isLinked(to: a.id) }
            a.transport.heal(b.id)
        }
        // A link that another one replaced is told as lost: what was on its way with it has to be sent again.
        for (node, other) in [(a, b), (b, a)] {
            var isUp = false
            for event in node.recorder.events {
                switch event {
                case .linkUp(other.id):
                    #expect(!isUp)
                    isUp = true
                case .linkDown(other.id, _):
                    #expect(isUp)
                    isUp = false
                default: break
                }
            }
        }
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func aPeerThatComesBackIsLinkedAgain() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        a.dial(b)
        try await eventually("link") { a.isLinked(to: b.id) }
        await b.transport.stop()
        try await eventually("down") { a.recorder.events.contains(.linkDown(b.id, .closedByPeer)) }
        try await eventually("a failed dial") { a.transport.counters.dialsFailed > 0 }
        let again = try await Node.restart(ids[1], members: ids, port: b.address.port)
        try await eventually("link again") { a.isLinked(to: b.id) && again.isLinked(to: a.id) }
        #expect(a.transport.send([9], to: b.id) == .sent)
        try await eventually("frame") { again.recorder.frames == [[9]] }
        await a.transport.stop()
        await again.transport.stop()
    }

    @Test func aKickDialsNow() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        await b.transport.stop()
        a.dial(b)
        try await eventually("several failures") { a.transport.counters.dialsFailed >= 3 }
        let again = try await Node.restart(ids[1], members: ids, port: b.address.port)
        let start = ContinuousClock.now
        a.transport.kick(b.id)
        try await eventually("link") { a.isLinked(to: b.id) }
        #expect(ContinuousClock.now - start < .seconds(1))
        await a.transport.stop()
        await again.transport.stop()
    }

    @Test func j3ARemovedDeviceIsCutAndStaysOut() async throws {
        let ids = try identities(3)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        b.dial(a)
        try await eventually("link") { a.isLinked(to: b.id) && b.isLinked(to: a.id) }
        let start = ContinuousClock.now
        a.roster.update(members: [a.id, ids[2].id], removed: [b.id])
        try await eventually("cut") { !a.isLinked(to: b.id) && !b.isLinked(to: a.id) }
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(a.recorder.events.contains(.linkDown(b.id, .removed)))
        b.transport.kick(a.id)
        try await eventually("refused") { a.transport.counters.refused(.removedDevice) > 0 }
        #expect(!a.isLinked(to: b.id))
        await #expect(throws: TransportError.self) {
            try await MeshTransport.join(addresses: [a.address], pin: a.id, identity: ids[1], request: [1])
        }
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func aCutLinkStaysDownUntilHealed() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        a.dial(b)
        b.dial(a)
        try await eventually("link") { a.isLinked(to: b.id) && b.isLinked(to: a.id) }
        a.transport.cut(b.id)
        try await eventually("cut") { !a.isLinked(to: b.id) && !b.isLinked(to: a.id) }
        b.transport.kick(a.id)
        try await eventually("refused") { a.transport.counters.refused(.cut) > 0 }
        #expect(!a.isLinked(to: b.id))
        await #expect(throws: TransportError.self) { try await a.transport.openStream(to: b.id, header: []) }
        a.transport.heal(b.id)
        try await eventually("healed") { a.isLinked(to: b.id) && b.isLinked(to: a.id) }
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func framesKeepTheirOrderAndTheirSizes() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids)
        a.dial(b)
        try await eventually("link") { a.isLinked(to: b.id) }
        let sizes = [1, 2, 16_383, 16_384, 16_385, 70_000, Limits.frameBytes, 3]
        for (offset, size) in sizes.enumerated() {
            #expect(a.transport.send([UInt8](repeating: UInt8(offset), count: size), to: b.id) == .sent)
        }
        #expect(a.transport.send([], to: b.id) == .dropped)
        #expect(a.transport.send([UInt8](repeating: 0, count: Limits.frameBytes + 1), to: b.id) == .dropped)
        try await eventually("all") { b.recorder.frames.count == sizes.count }
        for (offset, frame) in b.recorder.frames.enumerated() {
            let isSame = frame == [UInt8](repeating: UInt8(offset), count: sizes[offset])
            #expect(isSame, "frame \(offset)")
        }
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func aFullQueueDropsItsOldestFrames() {
        let outbox = Outbox()
        for number in 0..<Limits.outboundFrames + 10 {
            let pushed = outbox.push([UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)])
            #expect(pushed.dropped == (number < Limits.outboundFrames ? 0 : 1))
            #expect(pushed.wake == (number == 0))
        }
        var frames = 0
        while let batch = outbox.take(upTo: 1000) {
            if frames == 0 { #expect(batch.buffer.getBytes(at: 5, length: 2) == [0, 10]) }
            frames += batch.frames
        }
        #expect(frames == Limits.outboundFrames)
        let big = [UInt8](repeating: 0, count: Limits.outboundBytes - 10)
        #expect(outbox.push(big) == (0, true))
        #expect(outbox.push([UInt8](repeating: 0, count: 20)) == (1, false))
    }

    @Test func anotherProtocolVersionIsRefusedWithBothNamed() async throws {
        let ids = try identities(2)
        var future = TransportTuning()
        future.version = 7
        let a = try await Node.start(ids[0], members: ids)
        let b = try await Node.start(ids[1], members: ids, tuning: future)
        a.dial(b)
        try await eventually("refused") { a.transport.counters.refused(.versionMismatch) > 0 }
        try await eventually("said") {
            a.recorder.events.contains {
                if case .dialFailed(b.id, let detail) = $0 {
                    detail.contains("version 1") && detail.contains("speaks 7")
                } else {
                    false
                }
            }
        }
        #expect(!a.isLinked(to: b.id) && !b.isLinked(to: a.id))
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func anIdleLinkStaysUp() async throws {
        let ids = try identities(2)
        var tuning = TransportTuning()
        tuning.keepalive = .milliseconds(50)
        tuning.silence = .milliseconds(400)
        let a = try await Node.start(ids[0], members: ids, tuning: tuning)
        let b = try await Node.start(ids[1], members: ids, tuning: tuning)
        a.dial(b)
        try await eventually("link") { a.isLinked(to: b.id) && b.isLinked(to: a.id) }
        try await Task.sleep(for: .milliseconds(900))
        #expect(a.transport.counters.linksDown == 0 && b.transport.counters.linksDown == 0)
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func listeningFailsWithAReason() async throws {
        let ids = try identities(1)
        let a = try await Node.start(ids[0], members: ids)
        await #expect(throws: TransportError.portTaken(a.address)) {
            try await Node.start(ids[0], members: ids, port: a.address.port)
        }
        let elsewhere = MeshTransport(
            identity: ids[0], listen: TransportAddress(host: "192.0.2.1", port: 0), roster: Roster(),
            logger: testLogger("x"), events: { _ in }, streamHandler: { _, _ in .refuse("") },
            joinHandler: { _, _, _ in nil })
        await #expect(throws: TransportError.self) { try await elsewhere.start() }
        await elsewhere.stop()
        await a.transport.stop()
    }

    @Test func addressesAreRead() {
        #expect(TransportAddress("laptop.lan:47700") == TransportAddress(host: "laptop.lan", port: 47700))
        #expect(TransportAddress("[::1]:0") == TransportAddress(host: "::1", port: 0))
        #expect(TransportAddress(host: "::1", port: 5).description == "[::1]:5")
        for bad in [
            "", "host", ":1", "host:", "host:x", "host:65536", "host:+1", "::1:5", "[host]:1", "a b:1", "host:-1",
        ] {
            #expect(TransportAddress(bad) == nil, "\(bad)")
        }
    }

    @Test func theReaderTakesAnyBytes() {
        var generator = SeededGenerator(seed: 21)
        for _ in 0..<2000 {
            var reader = FrameReader(limit: 100)
            do {
                for _ in 0..<generator.below(10) {
                    let bytes = (0..<generator.below(30)).map { _ in
                        generator.chance(perMillion: 700_000) ? 0 : UInt8(truncatingIfNeeded: generator.next())
                    }
                    reader.append(.init(bytes: bytes))
                    while let frame = try reader.next() { #expect(frame.body.readableBytes <= 100) }
                }
            } catch {
                #expect(error == .empty || error.reason == .oversizedFrame)
            }
        }
    }
}
