import DeviceCore
import Primitives
import Testing

@testable import WireProtocol

extension RandomValues {
    mutating func accepted() -> JoinAccepted {
        JoinAccepted(
            mesh: MeshID(Digest(generator.next(), 2, 3, 4)), name: "notes", profile: flip() ? .lan : .wan,
            epoch: Epoch(number: 1 + below(9), draw: below(3)), devices: list(9) { $0.record() }, inviter: device(),
            branch: "main")
    }
}

@Suite struct JoinTests {
    @Test func requestsAndRepliesComeBackAsTheyWereSent() throws {
        var random = RandomValues(seed: 5)
        for _ in 0..<100 {
            let request = JoinRequest(
                secret: (0..<16).map { _ in UInt8(random.below(256)) }, name: random.name(),
                addresses: random.list(4) { "h\($0.below(9)):1" })
            #expect(try JoinCodec.decodeRequest(try JoinCodec.encode(request)) == request)
            let accepted = JoinReply.accepted(random.accepted())
            #expect(try JoinCodec.decodeReply(try JoinCodec.encode(accepted)) == accepted)
        }
        for code in JoinRefusalCode.allCases {
            let reply = JoinReply.refused(code, "the invite has expired")
            #expect(try JoinCodec.decodeReply(try JoinCodec.encode(reply)) == reply)
        }
    }

    @Test func aRefusalIsReadWhateverItsVersion() throws {
        var wire = WireJoinReply()
        wire.version = 2
        wire.refused = .with {
            $0.code = .version
            $0.text = "this mesh speaks version 2"
        }
        let bytes = try Proto.encode(wire, limit: 1000)
        #expect(try JoinCodec.decodeReply(bytes) == .refused(.version, "this mesh speaks version 2"))
        wire.accepted = WireJoinAccepted()
        let later = try Proto.encode(wire, limit: 1000)
        #expect(
            error { () throws(WireError) in _ = try JoinCodec.decodeReply(later) }
                == .wrongVersion(ours: 1, theirs: 2))
    }

    @Test func requestsOutOfBoundsAreRefused() throws {
        func refused(_ request: JoinRequest) -> Bool {
            error { () throws(WireError) in _ = try JoinCodec.decodeRequest(try JoinCodec.encode(request)) } != nil
        }
        let secret = [UInt8](repeating: 1, count: 16)
        #expect(!refused(JoinRequest(secret: secret, name: "nas", addresses: [])))
        #expect(refused(JoinRequest(secret: Array(secret.dropLast()), name: "nas", addresses: [])))
        #expect(refused(JoinRequest(secret: secret, name: "", addresses: [])))
        #expect(refused(JoinRequest(secret: secret, name: "a\u{1B}[1m", addresses: [])))
        #expect(refused(JoinRequest(secret: secret, name: String(repeating: "n", count: 64), addresses: [])))
        #expect(refused(JoinRequest(secret: secret, name: "nas", addresses: Array(repeating: "h:1", count: 17))))
        let huge = [UInt8](repeating: 0, count: Limits.joinRequestBytes + 1)
        #expect(error { () throws(WireError) in _ = try JoinCodec.decodeRequest(huge) } != nil)
    }
}
