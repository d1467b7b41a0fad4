import DeviceCore
import Primitives
import SyncRounds
import Testing

@testable import WireProtocol

let header = FrameHeader(
    mesh: MeshID(Digest(1, 2, 3, 4)), epoch: Epoch(number: 7, draw: 3), from: DeviceID(number: 1),
    to: DeviceID(number: 2))
let expectation = FrameExpectation(
    mesh: header.mesh, to: header.to, from: header.from, epoch: Epoch(number: 7, draw: 3))

@Suite struct FrameTests {
    @Test("every kind of message comes back as it was sent", arguments: 0..<RandomValues.kinds)
    func roundTrip(kind: UInt64) throws {
        var random = RandomValues(seed: 100 + kind)
        for _ in 0..<150 {
            let message = random.message(kind: kind)
            let bytes = try FrameCodec.encode(message, header: header)
            let frame = try FrameCodec.decode(bytes, expecting: expectation)
            #expect(frame.message == message)
            #expect(frame.header == header)
        }
    }

    @Test func headerMismatchNamesBothValues() throws {
        let bytes = try FrameCodec.encode(.leaving(true), header: header)
        let other = DeviceID(number: 9)
        func refusal(_ change: (inout FrameExpectation) -> Void) -> WireError? {
            var expected = expectation
            change(&expected)
            return error { () throws(WireError) in _ = try FrameCodec.decode(bytes, expecting: expected) }
        }
        let mesh = MeshID(Digest(9, 9, 9, 9))
        #expect(refusal { $0.mesh = mesh } == .wrongMesh(expected: mesh, presented: header.mesh))
        #expect(refusal { $0.from = other } == .wrongSender(expected: other, presented: header.from))
        #expect(refusal { $0.to = other } == .wrongReceiver(expected: other, presented: header.to))
        let rival = Epoch(number: 7, draw: 4)
        #expect(refusal { $0.epoch = rival } == .wrongEpoch(expected: rival, presented: header.epoch))
        #expect(refusal { $0.epoch = nil } == nil)
        let text = WireError.wrongSender(expected: other, presented: header.from).message
        #expect(text.contains(other.description) && text.contains(header.from.description))
    }

    @Test func anotherVersionAndUnknownMessagesAreNamed() throws {
        var wire = WireFrame()
        wire.version = 2
        wire.mesh = .init(header.mesh.digest.bytes)
        wire.from = Write.device(header.from)
        wire.to = Write.device(header.to)
        wire.epoch = 7
        wire.epochDraw = 3
        #expect(decodeError(wire) == .wrongVersion(ours: 1, theirs: 2))
        wire.version = 1
        #expect(decodeError(wire) == .unsupported("message"))
        // A message that only a later version knows: field 90, which is skipped as unknown.
        let later = try FrameCodec.encode(.leaving(true), header: header).dropLast(3) + [0xD2, 0x05, 0x00]
        #expect(
            error { () throws(WireError) in _ = try FrameCodec.decode(Array(later), expecting: expectation) }
                == .unsupported("message"))
    }

    @Test func unknownFieldsAreIgnored() throws {
        let bytes = try FrameCodec.encode(.leaving(true), header: header) + [0xD2, 0x05, 0x01, 0x07]
        #expect(try FrameCodec.decode(bytes, expecting: expectation).message == .leaving(true))
    }

    @Test func framesBeyondTheLimitAreRefusedOnBothSides() throws {
        let name = String(repeating: "é", count: Limits.frameBytes)
        let record = DeviceRecord(device: header.from, name: name, addresses: [])
        let command = MeshCommand(
            request: RequestID(device: header.from, incarnation: 1, number: 1), operation: .putDevice(record))
        let encoding = error { () throws(WireError) in _ = try FrameCodec.encode(.propose(command), header: header) }
        guard case .tooLarge(let bytes, Limits.frameBytes) = encoding else {
            Issue.record("not refused: \(String(describing: encoding))")
            return
        }
        #expect(bytes > Limits.frameBytes)
        let decoding = error { () throws(WireError) in
            _ = try FrameCodec.decode([UInt8](repeating: 0, count: Limits.frameBytes + 1), expecting: expectation)
        }
        #expect(decoding == .tooLarge(bytes: Limits.frameBytes + 1, limit: Limits.frameBytes))
    }

    private func decodeError(_ wire: WireFrame) -> WireError? {
        error { () throws(WireError) in
            _ = try FrameCodec.decode(try Proto.encode(wire, limit: Limits.frameBytes), expecting: expectation)
        }
    }
}

/// The error that `body` throws; nil if it throws none.
func error(_ body: () throws(WireError) -> Void) -> WireError? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}
