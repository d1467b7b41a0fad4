import Foundation
import Identity
import Primitives
import Synchronization
import Testing

@testable import MeshTransport

@Suite struct JoinTests {
    private struct Asked: Hashable, Sendable {
        var device: DeviceID
        var certificate: [UInt8]
        var request: [UInt8]
    }

    @Test func j2AStrangerAsksOnceAndIsAnswered() async throws {
        let ids = try identities(2)
        let asked = Mutex<[Asked]>([])
        let reply = [UInt8](repeating: 5, count: Limits.joinReplyBytes)
        let host = try await Node.start(
            ids[0], members: [ids[0]],
            joins: { device, certificate, request in
                asked.withLock { $0.append(Asked(device: device, certificate: certificate, request: request)) }
                return reply
            })
        let request = [UInt8](repeating: 3, count: Limits.joinRequestBytes)
        let answer = try await MeshTransport.join(
            addresses: [host.address], pin: host.id, identity: ids[1], request: request)
        let isSame = answer == reply
        #expect(isSame)
        let expected = Asked(device: ids[1].id, certificate: ids[1].certificateDER, request: request)
        let isAsked = asked.withLock { $0 == [expected] }
        #expect(isAsked)
        #expect(host.transport.counters.joinsAnswered == 1)
        #expect(host.transport.counters.refusedInAll == 0)
        #expect(!host.isLinked(to: ids[1].id))
        await host.transport.stop()
    }

    @Test func j2AWrongPinIsFoundBeforeAByteIsSent() async throws {
        let scratch = try Scratch()
        let (inviter, _) = try scratch.identity("inviter")
        let (impostor, pem) = try scratch.identity("impostor")
        let joiner = try DeviceIdentity.ephemeral(name: "joiner")
        let server = try OpenSSLServer(pem: pem, alpn: "baton-join/1")
        async let heard = onThread { server.acceptOne() }
        do {
            _ = try await MeshTransport.join(
                addresses: [server.address], pin: inviter.id, identity: joiner, request: [1, 2, 3])
            Issue.record("joined an impostor")
        } catch {
            guard case .joinFailed(let lines) = error else { throw error }
            #expect(lines.count == 1)
            #expect(lines[0].contains("another device answers there (\(impostor.id.short)); nothing was sent"))
        }
        #expect(try await heard == 0)
        // The same server with the right pin does hear something, so it would have heard it above.
        async let control = onThread { server.acceptOne() }
        await #expect(throws: TransportError.self) {
            try await MeshTransport.join(
                addresses: [server.address], pin: impostor.id, identity: joiner, request: [1, 2, 3])
        }
        #expect(try await control == 8)
    }

    @Test func anInviterWithoutTheProtocolHearsNothing() async throws {
        let scratch = try Scratch()
        let (inviter, pem) = try scratch.identity("inviter")
        let joiner = try DeviceIdentity.ephemeral(name: "joiner")
        let server = try OpenSSLServer(pem: pem, alpn: nil)
        async let heard = onThread { server.acceptOne() }
        await #expect(throws: TransportError.self) {
            try await MeshTransport.join(
                addresses: [server.address], pin: inviter.id, identity: joiner, request: [1, 2, 3])
        }
        #expect(try await heard == 0)
    }

    @Test func everyAddressIsTriedAndNamed() async throws {
        let ids = try identities(3)
        let host = try await Node.start(ids[0], members: [ids[0]], joins: { _, _, _ in [1] })
        let other = try await Node.start(ids[2], members: [ids[2]], joins: { _, _, _ in [2] })
        let nobody = TransportAddress(host: "127.0.0.1", port: 1)
        let answer = try await MeshTransport.join(
            addresses: [nobody, other.address, host.address], pin: host.id, identity: ids[1], request: [7])
        #expect(answer == [1])
        do {
            _ = try await MeshTransport.join(
                addresses: [nobody, other.address], pin: host.id, identity: ids[1], request: [7])
            Issue.record("joined nobody")
        } catch {
            guard case .joinFailed(let lines) = error else { throw error }
            #expect(lines.count == 2)
            #expect(lines[0].hasPrefix("127.0.0.1:1: Connection refused"))
            #expect(lines[1].contains("another device"))
        }
        #expect(other.transport.counters.joinsAnswered == 0)
        await host.transport.stop()
        await other.transport.stop()
    }

    @Test func j2AJoinerIsLetInWhileOthersComeAndGo() async throws {
        let ids = try identities(3)
        let host = try await Node.start(ids[0], members: [ids[0]], joins: { _, _, _ in [1] })
        let roster = host.roster
        let (me, other) = (ids[0].id, ids[2].id)
        // It changes at every moment of every handshake.
        let changes = Task.detached {
            while !Task.isCancelled {
                roster.update(members: [me, other], removed: [])
                roster.update(members: [me], removed: [])
                await Task.yield()
            }
        }
        for _ in 0..<Limits.joinBurst {
            let reply = try await MeshTransport.join(
                addresses: [host.address], pin: host.id, identity: ids[1], request: [7])
            #expect(reply == [1])
        }
        changes.cancel()
        await changes.value
        await host.transport.stop()
    }

    @Test func j2ARefusalOfTheHandlerClosesWithoutAnAnswer() async throws {
        let ids = try identities(2)
        let host = try await Node.start(ids[0], members: [ids[0]])
        do {
            _ = try await MeshTransport.join(
                addresses: [host.address], pin: host.id, identity: ids[1], request: [7])
            Issue.record("joined")
        } catch {
            #expect(error.message.contains("without an answer"))
        }
        #expect(host.transport.counters.joinsUnanswered == 1)
        await host.transport.stop()
    }

    @Test func aSlowHandlerIsNotWaitedForForEver() async throws {
        let ids = try identities(2)
        var tuning = TransportTuning()
        tuning.join = .milliseconds(200)
        let host = try await Node.start(
            ids[0], members: [ids[0]], tuning: tuning,
            joins: { _, _, _ in
                try? await Task.sleep(for: .seconds(2))
                return [1]
            })
        await #expect(throws: TransportError.self) {
            try await MeshTransport.join(
                addresses: [host.address], pin: host.id, identity: ids[1], request: [7])
        }
        #expect(host.transport.counters.refused(.timedOut) == 1)
        await host.transport.stop()
    }

    @Test func joinsAreRateLimited() async throws {
        let ids = try identities(2)
        let host = try await Node.start(ids[0], members: [ids[0]], joins: { _, _, _ in [1] })
        var answered = 0
        for _ in 0..<Limits.joinBurst + 8 {
            let reply = try? await MeshTransport.join(
                addresses: [host.address], pin: host.id, identity: ids[1], request: [7])
            if reply != nil { answered += 1 }
        }
        #expect(host.transport.counters.refused(.joinRate) > 0)
        #expect(answered >= Limits.joinBurst)
        #expect(UInt64(answered) == host.transport.counters.joinsAnswered)
        try await host.expectUnharmed(by: [ids[0]])
        await host.transport.stop()
    }
}
