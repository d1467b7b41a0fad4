import Consensus
import DeviceCore
import Foundation
import Locks
import Primitives
import Testing

@testable import WireProtocol

/// The bytes in people's databases: a change here needs a new format version and a way to read the old one.
@Suite struct StoredFormatTests {
    private static let device = DeviceID(number: 1)
    private static let token = FencingToken(epoch: 7, counter: 1843)
    private static let round = RoundID(token: token, sequence: 12)

    private static func entry(_ operation: MeshOperation) -> MeshEntry {
        MeshEntry(
            term: Term(5), index: LogIndex(300),
            payload: .command(
                MeshCommand(request: RequestID(device: device, incarnation: 2, number: 3), operation: operation)))
    }

    private static let entries: [(String, MeshEntry)] = [
        ("noop", MeshEntry(term: Term(1), index: LogIndex(1), payload: .noop)),
        (
            "membership",
            MeshEntry(
                term: Term(1), index: LogIndex(2),
                payload: .membership(Membership(voters: [device], learners: [DeviceID(number: 2)])))
        ),
        ("acquire", entry(.lock(.acquire(.sync, device: device, ttl: .seconds(3), waits: true)))),
        ("release", entry(.lock(.release(.sync, token: token)))),
        ("transfer", entry(.lock(.transfer(.sync, token: token, to: DeviceID(number: 2))))),
        ("expire", entry(.lock(.expire(.sync, token: token, term: Term(5))))),
        ("cancel", entry(.lock(.cancel(.sync, device: device)))),
        ("forget", entry(.lock(.forget(device)))),
        (
            "publish",
            entry(
                .publish(
                    Publication(
                        round: round, old: Revision(number: 1), new: Revision(number: 2), changedFiles: 26,
                        conflicts: 1, holders: [device, DeviceID(number: 2)])))
        ),
        ("putDevice", entry(.putDevice(DeviceRecord(device: device, name: "nas", addresses: ["nas:47700"])))),
        ("removeDevice", entry(.removeDevice(device))),
        ("set", entry(.set(Setting(key: "sync.settle", value: "2s")))),
    ]

    private static var snapshot: Snapshot<MeshState> {
        var state = MeshState.founding(DeviceRecord(device: device, name: "nas", addresses: ["nas:47700"]))
        for (_, entry) in entries {
            if case .command(var command) = entry.payload {
                command.request.number = UInt64(state.answered.first?.answers.count ?? 0) + 10
                _ = state.apply(command, term: Term(5), voters: [device])
            }
        }
        return Snapshot(
            index: LogIndex(300), term: Term(5), membership: Membership(voters: [device], learners: []), image: state)
    }

    @Test func storedBytesAreThoseOfTheFirstRelease() throws {
        var lines: [String] = []
        for (name, entry) in Self.entries { lines.append("\(name) \(Hex.encode(try MeshCommandCodec.encode(entry)))") }
        let hardState = HardState(term: Term(5), votedFor: Self.device)
        lines.append("hardState \(Hex.encode(try MeshCommandCodec.encode(hardState)))")
        let gate = FencingGate(highest: Self.token, holder: Self.device)
        lines.append("gate \(Hex.encode(try MeshCommandCodec.encode(gate)))")
        lines.append("snapshot \(Hex.encode(try MeshCommandCodec.encode(Self.snapshot)))")
        #expect(lines == goldenLines, "\n\(lines.joined(separator: "\n"))\n")
    }

    @Test func storedValuesComeBackAsTheyWere() throws {
        var random = RandomValues(seed: 6)
        for _ in 0..<300 {
            let entry = random.entry()
            #expect(try MeshCommandCodec.decodeEntry(MeshCommandCodec.encode(entry)) == entry)
        }
        for _ in 0..<100 {
            let snapshot = random.snapshot()
            #expect(try MeshCommandCodec.decodeSnapshot(MeshCommandCodec.encode(snapshot)) == snapshot)
        }
        #expect(try MeshCommandCodec.decodeGate(MeshCommandCodec.encode(FencingGate())) == FencingGate())
    }

    @Test func everyOutcomeSurvivesInASnapshot() throws {
        var random = RandomValues(seed: 7)
        for _ in 0..<500 {
            let outcome = random.outcome()
            #expect(try MeshOutcome(outcome.wire) == outcome)
        }
    }
}
