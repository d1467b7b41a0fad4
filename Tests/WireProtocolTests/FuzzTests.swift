import DeviceCore
import Primitives
import Testing

@testable import WireProtocol

/// Damaged and random bytes: never a trap, and never a value out of bounds. That is checked by walking over every field
/// by reflection, which knows nothing of the decoder.
@Suite struct FuzzTests {
    @Test func damagedFramesNeverTrapOrYieldValuesOutOfBounds() throws {
        var random = RandomValues(seed: 1)
        var tried = 0
        var accepted = 0
        func attempt(_ bytes: [UInt8]) {
            tried += 1
            guard let message = decoded(bytes) else { return }
            accepted += 1
            let faults = Faults.of(message)
            #expect(faults.isEmpty, "\(faults) in \(message)")
        }
        while tried < 110_000 {
            let frame = try FrameCodec.encode(random.message(), header: header)
            // The header is 113 bytes; damage to it is refused early, so most of the damage goes behind it.
            let start = 113
            for _ in 0..<40 {
                var bytes = frame
                for _ in 0...random.below(3) {
                    let at = start + Int(random.below(UInt64(max(1, frame.count - start))))
                    if at < bytes.count { bytes[at] ^= 1 << UInt8(random.below(8)) }
                }
                attempt(bytes)
            }
            for _ in 0..<8 { attempt(Array(frame.prefix(Int(random.below(UInt64(frame.count)))))) }
            for _ in 0..<4 {
                // Another field's number in place of the payload's.
                var bytes = frame
                if start + 1 < bytes.count { bytes[start] = UInt8(random.below(256)) }
                attempt(bytes)
            }
            attempt((0..<random.below(300)).map { _ in UInt8(random.below(256)) })
            attempt(Array(frame.prefix(start)) + (0..<random.below(100)).map { _ in UInt8(random.below(256)) })
        }
        #expect(tried >= 100_000 && accepted > 10_000, "\(accepted) of \(tried) were accepted")
    }

    @Test func everyTruncationIsRefusedOrWithinBounds() throws {
        var random = RandomValues(seed: 2)
        for kind in 0..<RandomValues.kinds {
            let frame = try FrameCodec.encode(random.message(kind: kind), header: header)
            for length in 0..<min(frame.count, 2000) {
                if let message = decoded(Array(frame.prefix(length))) { #expect(Faults.of(message).isEmpty) }
            }
        }
    }

    @Test func damagedStoredValuesNeverTrap() throws {
        var random = RandomValues(seed: 3)
        for _ in 0..<60 {
            let snapshot = try MeshCommandCodec.encode(random.snapshot())
            let entry = try MeshCommandCodec.encode(random.entry())
            for original in [snapshot, entry] {
                for _ in 0..<40 {
                    var bytes = original
                    bytes[Int(random.below(UInt64(bytes.count)))] ^= 1 << UInt8(random.below(8))
                    check { () throws(WireError) in try MeshCommandCodec.decodeSnapshot(bytes) }
                    check { () throws(WireError) in try MeshCommandCodec.decodeEntry(bytes) }
                    check { () throws(WireError) in try MeshCommandCodec.decodeHardState(bytes) }
                    check { () throws(WireError) in try MeshCommandCodec.decodeGate(bytes) }
                }
            }
        }
    }

    @Test func damagedJoinMessagesNeverTrap() throws {
        var random = RandomValues(seed: 4)
        let request = try JoinCodec.encode(
            JoinRequest(secret: Array(repeating: 1, count: 16), name: "nas", addresses: ["nas:47700"]))
        let reply = try JoinCodec.encode(.accepted(random.accepted()))
        for original in [request, reply] {
            for _ in 0..<5000 {
                var bytes = original
                bytes[Int(random.below(UInt64(bytes.count)))] ^= 1 << UInt8(random.below(8))
                check { () throws(WireError) in try JoinCodec.decodeRequest(bytes) }
                check { () throws(WireError) in try JoinCodec.decodeReply(bytes) }
            }
        }
    }

    private func decoded(_ bytes: [UInt8]) -> PeerMessage? {
        do {
            return try FrameCodec.decode(bytes, expecting: expectation).message
        } catch {
            return nil
        }
    }

    private func check(_ decode: () throws(WireError) -> some Any) {
        do {
            let faults = Faults.of(try decode())
            #expect(faults.isEmpty, "\(faults)")
        } catch {
            #expect(!error.message.isEmpty)
        }
    }
}

/// Finds what is out of bounds in any value, by reflection.
enum Faults {
    static func of(_ value: Any) -> [String] {
        var faults: [String] = []
        walk(value, into: &faults)
        return faults
    }

    private static func walk(_ value: Any, into faults: inout [String]) {
        switch value {
        case let number as UInt64: if number >= 1 << 62 { faults.append("\(number)") }
        case let count as UInt32: if count >= 1 << 28 { faults.append("\(count)") }
        case let position as Int: if !(0..<1 << 28).contains(position) { faults.append("\(position)") }
        case let text as String:
            if text.utf8.count > 2048 || text.unicodeScalars.contains(where: { $0.value < 32 }) { faults.append(text) }
        case let duration as Duration:
            if duration < .zero || duration > .seconds(86_400) { faults.append("\(duration)") }
        case let revision as Revision: if Revision(hex: revision.hex) == nil { faults.append(revision.hex) }
        case let name as LockName: if LockName(name.text) == nil { faults.append(name.text) }
        case is Digest, is Bool: return
        default:
            let mirror = Mirror(reflecting: value)
            if mirror.displayStyle == .collection, mirror.children.count > 1100 { faults.append("a long list") }
            for child in mirror.children { walk(child.value, into: &faults) }
        }
    }
}
