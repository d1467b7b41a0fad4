import Consensus
import Foundation
import Locks
import Primitives

@testable import DeviceCore
@testable import Storage

/// A directory of its own for one test, removed at the end.
final class Scratch {
    let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "/baton-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String = "device.db") -> String { directory + "/" + name }

    func bytes(_ name: String = "device.db") throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

    func write(_ data: Data, _ name: String) throws { try data.write(to: URL(fileURLWithPath: path(name))) }
}

enum Fixture {
    static let device = DeviceID(number: 1)
    static let mesh = StoredMesh(
        mesh: MeshID(Digest(1, 2, 3, 4)), workspace: "/srv/notes", name: "notes", profile: "lan", branch: "main")

    static var initial: DevicePersistentState {
        let record = DeviceRecord(device: device, name: "one", addresses: ["one:47700"])
        return DevicePersistentState(raft: .founding(device, image: MeshState.founding(record)))
    }

    static func create(_ path: String) throws {
        try DeviceStore.create(at: path, device: device, mesh: mesh, initial: initial)
    }

    static func open(_ path: String) throws -> DeviceStore { try DeviceStore.open(at: path, device: device) }

    /// The error of `body`; nil if it throws none.
    static func error(_ body: () throws -> Void) -> StoreError? {
        do {
            try body()
            return nil
        } catch let error as StoreError {
            return error
        } catch {
            return StoreError(.failed, "an error of another kind: \(error)", hint: "")
        }
    }
}

/// A history of updates from a seed, such as consensus makes them, with the state that they lead to.
struct History {
    private(set) var state = Fixture.initial
    private var random: SeededGenerator
    private var number: UInt64 = 0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func next() -> DeviceUpdate {
        var update = DeviceUpdate()
        for _ in 0...random.below(2) {
            var part = DeviceUpdate()
            change(&part)
            update.raft.merge(part.raft)
            update.acceptedToken = part.acceptedToken ?? update.acceptedToken
            update.stops = part.stops ?? update.stops
            if let isStray = part.isStray { (update.isStray, state.isStray) = (isStray, isStray) }
            state.raft.apply(part.raft)
            state.acceptedToken = part.acceptedToken ?? state.acceptedToken
            state.stops = part.stops ?? state.stops
        }
        return update
    }

    private var last: LogIndex {
        max(state.raft.entries.last?.index ?? .zero, state.raft.snapshot?.index ?? .zero)
    }

    private mutating func change(_ update: inout DeviceUpdate) {
        switch random.below(14) {
        case 0:
            let voted: DeviceID? = random.below(2) == 0 ? nil : DeviceID(number: random.below(9))
            update.raft.hardState = HardState(term: Term(state.raft.hardState.term.number + 1), votedFor: voted)
        case 1:
            let counter = state.acceptedToken.highest.counter + 1 + random.below(3)
            update.acceptedToken = FencingGate(
                highest: FencingToken(epoch: 1, counter: counter), holder: DeviceID(number: random.below(9)))
        case 12:
            let by = DeviceID(number: random.below(9))
            let order = StopOrder(
                kind: random.below(2) == 0 ? .pause : .emergency, by: by, at: random.below(1 << 40), why: "a test",
                left: random.below(2) == 0 ? nil : .seconds(60))
            update.stops = StopState(
                here: random.below(2) == 0 ? nil : order,
                mesh: MeshStop(version: state.stops.mesh.version + 1, by: by, order: order))
        case 13: if random.below(3) == 0 { changeEpoch(&update) }
        case 2: truncate(&update)
        case 3: compact(&update)
        case 4: if random.below(4) == 0 { install(&update) }
        default: update.raft.append(entries(1 + random.below(4), from: last.next), from: last.next)
        }
    }

    /// A recovery, or the leaving of an epoch that another device recovered; a base that is settled again.
    private mutating func changeEpoch(_ update: inout DeviceUpdate) {
        guard !state.isStray else { return update.isStray = false }
        var generator = SeededGenerator(seed: random.next())
        let mesh = state.raft.snapshot?.image ?? MeshState()
        var raft = Raft<MeshCommand, MeshState>(
            device: DeviceID(number: 1), configuration: RaftConfiguration(profile: .lan), restored: state.raft,
            seed: generator.next(), now: .origin)
        var output = RaftOutput<MeshCommand, MeshState>()
        if random.below(2) == 0 {
            raft.step(
                .refound(mesh.refounded(draw: 1 + random.below(9), by: DeviceID(number: 1), head: nil)), at: .origin,
                into: &output)
        } else {
            let newer = Epoch(number: mesh.epoch.number + 1, draw: 1 + random.below(9))
            raft.step(.rejoin(mesh.joining(newer, by: DeviceID(number: 2))), at: .origin, into: &output)
            update.isStray = true
        }
        update.raft = output.persist
    }

    /// A conflict: part of the log gives way to other entries, or to none.
    private mutating func truncate(_ update: inout DeviceUpdate) {
        let kept = state.raft.snapshot?.index ?? .zero
        guard last > kept else { return }
        let from = kept + (1 + random.below(last - kept))
        update.raft.append(entries(random.below(3), from: from), from: from)
    }

    private mutating func compact(_ update: inout DeviceUpdate) {
        guard let newest = state.raft.entries.last, newest.index > state.raft.snapshot?.index ?? .zero else { return }
        update.raft.snapshot = snapshot(at: newest.index, newest.term)
        update.raft.compactTo = LogIndex(newest.index.number - min(newest.index.number, random.below(5)))
    }

    /// A leader's snapshot, beyond the log.
    private mutating func install(_ update: inout DeviceUpdate) {
        let index = last + (1 + random.below(100))
        update.raft.snapshot = snapshot(at: index, state.raft.hardState.term)
        update.raft.append([], from: index.next)
        update.raft.compactTo = index
    }

    private mutating func snapshot(at index: LogIndex, _ term: Term) -> Snapshot<MeshState> {
        var image = state.raft.snapshot?.image ?? MeshState()
        for entry in state.raft.entries {
            if case .command(let command) = entry.payload {
                _ = image.apply(command, term: entry.term, voters: [Fixture.device])
            }
        }
        return Snapshot(index: index, term: term, membership: Membership(voters: [Fixture.device]), image: image)
    }

    private mutating func entries(_ count: UInt64, from first: LogIndex) -> [MeshEntry] {
        (0..<count).map { offset in
            number += 1
            let setting = Setting(
                key: "sync.k\(number % 7)", value: String(repeating: "v", count: Int(random.below(200))) + "\(number)")
            let command = MeshCommand(
                request: RequestID(device: Fixture.device, incarnation: 1, number: number), operation: .set(setting))
            let payload: Payload<MeshCommand> = random.below(6) == 0 ? .noop : .command(command)
            return MeshEntry(term: state.raft.hardState.term, index: first + offset, payload: payload)
        }
    }
}
