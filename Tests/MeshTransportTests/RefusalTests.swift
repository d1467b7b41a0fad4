import COpenSSL
import Foundation
import Identity
import Primitives
import Synchronization
import Testing

@testable import MeshTransport

/// A listening device, a member (the friend) and a stranger whose keys other TLS programs can use.
private struct Stage {
    let scratch: Scratch
    let host: Node
    let hostPEM: String
    let members: [DeviceIdentity]
    let friend: DeviceIdentity
    let friendPEM: String
    let strangerPEM: String

    /// The handshake timeout is shorter than the real one, so that the slow cases end sooner, and long enough for a
    /// good handshake on a machine that is busy.
    static func set(handshake: Duration = .milliseconds(2500)) async throws -> Stage {
        let scratch = try Scratch()
        let (me, hostPEM) = try scratch.identity("host")
        let (friend, friendPEM) = try scratch.identity("friend")
        let (_, strangerPEM) = try scratch.identity("stranger")
        var tuning = TransportTuning()
        tuning.handshake = handshake
        let host = try await Node.start(me, members: [me, friend], tuning: tuning, joins: { _, _, _ in [1] })
        return Stage(
            scratch: scratch, host: host, hostPEM: hostPEM, members: [me, friend], friend: friend,
            friendPEM: friendPEM, strangerPEM: strangerPEM)
    }

    var port: Int { host.address.port }

    /// The refusal was counted and told, no link came of it, and the device still serves its members.
    func expectRefused(_ reason: RefusalReason, _ count: UInt64 = 1) async throws {
        try await eventually("counted: \(reason)") { host.transport.counters.refused(reason) >= count }
        #expect(host.transport.counters.refusedInAll == count, "\(host.transport.counters.refusals)")
        #expect(host.transport.counters.linksUp == 0 || host.transport.counters.framesIn == 0)
        let told = host.recorder.events.contains { if case .refused(reason, _) = $0 { true } else { false } }
        #expect(told)
        try await end()
    }

    func end() async throws {
        try await host.expectUnharmed(by: members)
        await host.transport.stop()
    }
}

private let hello: [UInt8] = [0, 0, 0, 3, 0, 0, 1]

/// Handshakes with the host as the friend on the control protocol and says hello.
private func linkAsFriend(_ port: Int, _ pem: String) throws -> OpenSSLClient {
    let client = try OpenSSLClient(port: port, .init(pem: pem))
    guard client.isConnected, client.write(hello), client.read() == hello else {
        throw OpenSSLFailure(description: "no link")
    }
    return client
}

/// TLS on system OpenSSL, linked in, against ours: who gets in and who does not.
@Suite struct OpenSSLRefusalTests {
    @Test func aMemberGetsInAndItsFrameArrives() async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            let client = try linkAsFriend(port, pem)
            #expect(client.write([0, 0, 0, 4, 1, 7, 8, 9]))
            #expect(client.write([0, 0, 0, 1, 2]))
            // A pong, with the wall clock in it.
            #expect(client.read().map { Array($0.prefix(5)) } == [0, 0, 0, 9, 3])
        }
        try await eventually("frame") { stage.host.recorder.frames == [[7, 8, 9]] }
        #expect(stage.host.recorder.events.contains(.frame(stage.friend.id, [7, 8, 9])))
        #expect(stage.host.transport.counters.refusedInAll == 0)
        try await stage.end()
    }

    @Test func aStrangerIsRefusedOnLinksAndStreams() async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.strangerPEM)
        try await onThread {
            for alpn in ["baton-mesh/1", "baton-stream/1"] {
                let client = try OpenSSLClient(port: port, .init(pem: pem, alpn: alpn))
                _ = client.write(hello)
                #expect(client.readToEnd().isEmpty)
            }
        }
        try await stage.expectRefused(.stranger, 2)
    }

    @Test func noCertificateIsRefused() async throws {
        let stage = try await Stage.set()
        let port = stage.port
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: nil))
            #expect(client.readToEnd().isEmpty)
        }
        try await stage.expectRefused(.noCertificate)
    }

    @Test func tls12IsRefused() async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: pem, newestVersion: TLS1_2_VERSION))
            #expect(!client.isConnected)
        }
        try await stage.expectRefused(.tlsVersion)
    }

    @Test(arguments: ["baton-mesh/2", "h2", "baton-mesh", nil]) func aWrongProtocolIsRefused(alpn: String?) async throws
    {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: pem, alpn: alpn))
            #expect(client.readToEnd().isEmpty)
        }
        try await stage.expectRefused(.wrongProtocol)
    }

    @Test func aChainOfTwoIsRefused() async throws {
        let stage = try await Stage.set()
        let (port, pem, extra) = (stage.port, stage.friendPEM, stage.hostPEM)
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: pem, extraCertificate: extra))
            #expect(client.readToEnd().isEmpty)
        }
        try await stage.expectRefused(.badCertificate)
    }

    @Test func ourOwnKeyComingFromOutsideIsRefused() async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.hostPEM)
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: pem))
            #expect(client.readToEnd().isEmpty)
        }
        try await stage.expectRefused(.wrongDevice)
    }

    @Test(arguments: ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-384", "ed25519"])
    func otherKindsOfKeysAreRefused(kind: String) async throws {
        let stage = try await Stage.set()
        let (port, path) = (stage.port, stage.scratch.path)
        try await onThread {
            let script = """
                cd "$1" && openssl req -x509 -newkey \(kind) -nodes -subj /CN=x -keyout k.pem -out c.pem 2>/dev/null
                cat k.pem c.pem > other.pem
                """
            let maker = Process()
            maker.executableURL = URL(fileURLWithPath: "/bin/sh")
            maker.arguments = ["-c", script, "sh", path]
            try maker.run()
            maker.waitUntilExit()
            let client = try OpenSSLClient(port: port, .init(pem: path + "/other.pem"))
            #expect(client.readToEnd().isEmpty)
        }
        // A client that has no signature we take may send no certificate at all.
        try await eventually("refused") { stage.host.transport.counters.refusedInAll == 1 }
        let counters = stage.host.transport.counters
        #expect(counters.refused(.badCertificate) + counters.refused(.noCertificate) + counters.refused(.notTLS) == 1)
        try await stage.end()
    }

    @Test func j3ASessionIsNotResumed() async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        let wasResumed = try await onThread { () -> Bool in
            let first = try linkAsFriend(port, pem)
            guard let session = first.session() else { return false }
            defer { SSL_SESSION_free(session) }
            let second = try OpenSSLClient(port: port, .init(pem: nil), session: session)
            #expect(second.readToEnd().isEmpty)
            return second.wasResumed
        }
        try await eventually("refused") { stage.host.transport.counters.refusedInAll == 1 }
        let reason: RefusalReason = wasResumed ? .resumedSession : .noCertificate
        #expect(stage.host.transport.counters.refused(reason) == 1)
        print("session resumption: \(wasResumed ? "resumed by TLS, closed by the gate" : "not resumed by TLS")")
        try await stage.end()
    }

    @Test(arguments: [
        ([0xFF, 0xFF, 0xFF, 0xFF, 1], RefusalReason.oversizedFrame), ([0, 0x10, 0, 2, 1], .oversizedFrame),
        ([0, 0, 0, 0], .emptyFrame), ([0, 0, 0, 1, 1], .malformedFrame), ([0, 0, 0, 3, 0, 0, 1], .malformedFrame),
        ([0, 0, 0, 1, 33], .malformedFrame), ([0, 0, 1, 0, 1, 5], .stalledFrame), ([0, 0], .stalledFrame),
    ]) func badFramesOfAMemberCloseItsLink(bytes: [UInt8], reason: RefusalReason) async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            let client = try linkAsFriend(port, pem)
            #expect(client.write(bytes))
            #expect(client.readToEnd().isEmpty)
        }
        try await eventually("down") {
            stage.host.recorder.events.contains(.linkDown(stage.friend.id, .refused(reason)))
        }
        try await stage.expectRefused(reason)
    }

    @Test(arguments: [
        ([0, 0, 0, 4, 1, 1, 2, 3], RefusalReason.malformedFrame), ([0, 0, 1, 0, 0], .oversizedFrame),
        ([0, 0, 0, 2, 0, 1], .malformedFrame), ([0, 0, 0, 3, 0, 9, 9], .versionMismatch), ([], .timedOut),
    ]) func aLinkWithoutAGoodHelloIsNone(bytes: [UInt8], reason: RefusalReason) async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: pem))
            if !bytes.isEmpty { #expect(client.write(bytes)) }
            #expect(client.readToEnd() == hello)
        }
        #expect(!stage.host.recorder.events.contains(.linkUp(stage.friend.id)))
        try await stage.expectRefused(reason)
    }

    @Test(arguments: [
        ([0, 0, 0x20, 2, 32], RefusalReason.oversizedFrame), ([0, 0, 0, 0], .emptyFrame), ([], .timedOut),
        ([0, 0, 0, 2, 1, 5], .malformedFrame), ([0, 0, 0, 2, 32, 5, 0, 0], .malformedFrame),
    ]) func aJoinerIsStrictlyBounded(bytes: [UInt8], reason: RefusalReason) async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.strangerPEM)
        try await onThread {
            let client = try OpenSSLClient(port: port, .init(pem: pem, alpn: "baton-join/1"))
            if !bytes.isEmpty { #expect(client.write(bytes)) }
            #expect(client.readToEnd().isEmpty)
        }
        try await stage.expectRefused(reason)
    }

    @Test(arguments: ["baton-mesh/1", "baton-stream/1", "baton-join/1"])
    func anyBytesOfAnAuthenticatedPeerAreSurvived(alpn: String) async throws {
        let stage = try await Stage.set()
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            var generator = SeededGenerator(seed: 77)
            for round in 0..<60 {
                let client = try OpenSSLClient(port: port, .init(pem: pem, alpn: alpn))
                var bytes = round.isMultiple(of: 2) && alpn == "baton-mesh/1" ? hello : []
                for _ in 0..<generator.below(6) {
                    let kind = UInt8(truncatingIfNeeded: generator.below(36))
                    let body = (0..<generator.below(40)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                    bytes += [0, 0, 0, UInt8(body.count + 1), kind] + body
                }
                if !bytes.isEmpty { _ = client.write(bytes) }
            }
        }
        try await stage.end()
    }
}

/// Peers that do not get as far as TLS, or never finish it.
@Suite struct RawConnectionTests {
    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}", "SSH-2.0-x\r\n", String(repeating: "x", count: 70_000),
    ])
    func garbageIsRefused(text: String) async throws {
        let stage = try await Stage.set()
        let port = stage.port
        try await onThread {
            let client = try PlainClient(port: port)
            client.write(Array(text.utf8))
            #expect(client.isClosedByPeer())
        }
        try await eventually("counted") { stage.host.transport.counters.refusedInAll == 1 }
        let counters = stage.host.transport.counters
        #expect(counters.refused(.notTLS) + counters.refused(.timedOut) + counters.refused(.tlsVersion) == 1)
        try await stage.end()
    }

    @Test func aSilentConnectionIsClosedInTime() async throws {
        let stage = try await Stage.set()
        let port = stage.port
        let start = ContinuousClock.now
        let isClosed = try await onThread { try PlainClient(port: port).isClosedByPeer() }
        #expect(isClosed)
        #expect(ContinuousClock.now - start < .seconds(9))
        try await stage.expectRefused(.timedOut)
    }

    @Test func aHandshakeByteByByteIsClosedInTime() async throws {
        let stage = try await Stage.set()
        let port = stage.port
        let start = ContinuousClock.now
        try await onThread {
            let client = try PlainClient(port: port)
            // A record header that promises 512 bytes, then one byte after the other.
            client.write([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3])
            for _ in 0..<60 {
                client.write([0])
                usleep(60_000)
            }
            #expect(client.isClosedByPeer())
        }
        #expect(ContinuousClock.now - start < .seconds(9))
        try await stage.expectRefused(.timedOut)
    }

    @Test func aFloodIsBoundedAndHarmsNoLink() async throws {
        let stage = try await Stage.set(handshake: .seconds(5))
        let (port, pem) = (stage.port, stage.friendPEM)
        try await onThread {
            let friend = try linkAsFriend(port, pem)
            let flood = try (0..<100).map { _ in try PlainClient(port: port) }
            #expect(friend.write([0, 0, 0, 1, 2]))
            #expect(friend.read().map { Array($0.prefix(5)) } == [0, 0, 0, 9, 3])
            #expect(flood.count == 100)
            for client in flood.suffix(60) { #expect(client.isClosedByPeer()) }
        }
        let counters = stage.host.transport.counters
        #expect(counters.refused(.tooManyConnections) >= 100 - UInt64(Limits.unauthenticatedLinks))
        #expect(counters.linksUp == 1)
        try await eventually("the flood is gone") { await stage.host.transport.connectionCount() == 0 }
        try await stage.end()
    }
}

/// Connections that we open: to exactly the device that was meant.
@Suite struct PinTests {
    @Test func anotherKeyAtThePinnedAddressIsRefused() async throws {
        let ids = try identities(3)
        let a = try await Node.start(ids[0], members: ids)
        let c = try await Node.start(ids[2], members: ids)
        a.transport.setPeers([PeerTarget(device: ids[1].id, addresses: [c.address])])
        try await eventually("refused") { a.transport.counters.refused(.wrongDevice) > 0 }
        try await eventually("told") {
            a.recorder.events.contains {
                if case .dialFailed(ids[1].id, let detail) = $0 { detail.contains("another key") } else { false }
            }
        }
        #expect(a.transport.links.isEmpty && c.transport.links.isEmpty)
        await #expect(throws: TransportError.self) { try await a.transport.openStream(to: ids[1].id, header: []) }
        await a.transport.stop()
        await c.transport.stop()
    }

    @Test func aDeviceOutsideTheRosterIsNotDialled() async throws {
        let ids = try identities(2)
        let a = try await Node.start(ids[0], members: [ids[0]])
        let b = try await Node.start(ids[1], members: ids)
        a.dial(b)
        a.roster.update(members: Set(ids.map(\.id)), removed: [])
        try await eventually("dialled once it is a member") { a.isLinked(to: b.id) }
        #expect(b.transport.counters.connectionsAccepted == 1)
        await a.transport.stop()
        await b.transport.stop()
    }
}
