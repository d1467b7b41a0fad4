import Consensus
import DeviceCore
import Locks
import Primitives
import SwiftProtobuf

/// Commands, log entries, snapshots and the rest of a device's durable state <-> bytes.
///
/// Encoding reads its own bytes back: what could not be read again, here or on a peer, is refused before it is stored.
package enum MeshCommandCodec {
    /// Throws what a peer would refuse; ask before a command is proposed.
    package static func check(_ command: MeshCommand) throws(WireError) {
        let bytes = try Proto.encode(command.wire, limit: Limits.appendBytes)
        let wire: WireCommand = try Proto.decode(bytes, limit: Limits.appendBytes)
        guard try MeshCommand(wire) == command else { throw Self.inexact }
    }

    package static func encode(_ entry: MeshEntry) throws(WireError) -> [UInt8] {
        let bytes = try Proto.encode(entry.wire, limit: Limits.appendBytes)
        guard try decodeEntry(bytes) == entry else { throw Self.inexact }
        return bytes
    }

    package static func decodeEntry(_ bytes: [UInt8]) throws(WireError) -> MeshEntry {
        let wire: WireEntry = try Proto.decode(bytes, limit: Limits.appendBytes)
        return try MeshEntry(wire)
    }

    package static func encode(_ snapshot: Snapshot<MeshState>) throws(WireError) -> [UInt8] {
        let bytes = try Proto.encode(snapshot.wire, limit: Limits.snapshotBytes)
        guard try decodeSnapshot(bytes) == snapshot else { throw Self.inexact }
        return bytes
    }

    package static func decodeSnapshot(_ bytes: [UInt8]) throws(WireError) -> Snapshot<MeshState> {
        let wire: WireSnapshot = try Proto.decode(bytes, limit: Limits.snapshotBytes)
        return try Snapshot(wire)
    }

    package static func encode(_ state: HardState) throws(WireError) -> [UInt8] {
        let bytes = try Proto.encode(state.wire, limit: Limits.appendBytes)
        guard try decodeHardState(bytes) == state else { throw Self.inexact }
        return bytes
    }

    package static func decodeHardState(_ bytes: [UInt8]) throws(WireError) -> HardState {
        let wire: WireHardState = try Proto.decode(bytes, limit: Limits.appendBytes)
        return try HardState(wire)
    }

    package static func encode(_ gate: FencingGate) throws(WireError) -> [UInt8] {
        let bytes = try Proto.encode(gate.wire, limit: Limits.appendBytes)
        guard try decodeGate(bytes) == gate else { throw Self.inexact }
        return bytes
    }

    package static func decodeGate(_ bytes: [UInt8]) throws(WireError) -> FencingGate {
        let wire: WireGate = try Proto.decode(bytes, limit: Limits.appendBytes)
        return try FencingGate(wire)
    }

    package static func encode(_ stops: StopState) throws(WireError) -> [UInt8] {
        try Proto.encode(stops.wire, limit: Limits.appendBytes)
    }

    package static func decodeStops(_ bytes: [UInt8]) throws(WireError) -> StopState {
        let wire: WireStopState = try Proto.decode(bytes, limit: Limits.appendBytes)
        return try StopState(wire)
    }

    private static var inexact: WireError {
        .invalid(field: "value", "would be read back differently (a duration below a nanosecond or above a day?)")
    }
}
