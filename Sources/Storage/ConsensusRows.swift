import Consensus
import DeviceCore
import Foundation
import GRDB
import Locks
import Primitives
import WireProtocol

/// What one transaction writes for consensus, encoded before the transaction begins.
struct ConsensusRows {
    private var cells: [(Cell, [UInt8])] = []
    private var deleteFrom: Int64?
    /// Entries up to here are no longer needed: a snapshot covers them.
    private var deleteUpTo: Int64?
    private var entries: [(position: Int64, body: [UInt8])] = []
}

extension ConsensusRows {
    /// Everything of a new device.
    init(_ state: DevicePersistentState) throws(StoreError) {
        try add(state.raft.hardState)
        if let snapshot = state.raft.snapshot { try add(snapshot) }
        try add(state.acceptedToken)
        if state.stops != StopState() { try add(state.stops) }
        if state.isStray { add(isStray: true) }
        try add(state.raft.entries)
    }

    init(_ update: DeviceUpdate) throws(StoreError) {
        if let state = update.raft.hardState { try add(state) }
        if let snapshot = update.raft.snapshot { try add(snapshot) }
        deleteFrom = update.raft.appendFrom.map { Int64(clamping: $0.number) }
        deleteUpTo = update.raft.compactTo.map { Int64(clamping: $0.number) }
        if update.raft.appendFrom != nil { try add(update.raft.entries) }
        if let gate = update.acceptedToken { try add(gate) }
        if let stops = update.stops { try add(stops) }
        if let isStray = update.isStray { add(isStray: isStray) }
    }

    private mutating func add(isStray: Bool) { cells.append((.stray, [isStray ? 1 : 0])) }

    private mutating func add(_ state: HardState) throws(StoreError) {
        cells.append((.hardState, try encoding { () throws(WireError) in try MeshCommandCodec.encode(state) }))
    }

    private mutating func add(_ snapshot: Snapshot<MeshState>) throws(StoreError) {
        cells.append((.snapshot, try encoding { () throws(WireError) in try MeshCommandCodec.encode(snapshot) }))
    }

    private mutating func add(_ gate: FencingGate) throws(StoreError) {
        cells.append((.acceptedToken, try encoding { () throws(WireError) in try MeshCommandCodec.encode(gate) }))
    }

    private mutating func add(_ stops: StopState) throws(StoreError) {
        cells.append((.stops, try encoding { () throws(WireError) in try MeshCommandCodec.encode(stops) }))
    }

    private mutating func add(_ list: [MeshEntry]) throws(StoreError) {
        for entry in list {
            let body = try encoding { () throws(WireError) in try MeshCommandCodec.encode(entry) }
            entries.append((Int64(clamping: entry.index.number), body))
        }
    }

    private func encoding(_ body: () throws(WireError) -> [UInt8]) throws(StoreError) -> [UInt8] {
        do {
            return try body()
        } catch {
            throw StoreError(
                .failed, "a value of consensus cannot be stored: \(error.message)", hint: "report this fault of baton")
        }
    }
}

// MARK: - In the database

extension ConsensusRows {
    func write(to db: Database) throws {
        for (cell, body) in cells { try cell.write(body, to: db) }
        if let deleteFrom {
            try db.cachedStatement(sql: "DELETE FROM entry WHERE position >= ?").execute(arguments: [deleteFrom])
        }
        if !entries.isEmpty { try insertEntries(into: db) }
        if let deleteUpTo {
            try db.cachedStatement(sql: "DELETE FROM entry WHERE position <= ?").execute(arguments: [deleteUpTo])
        }
    }

    private func insertEntries(into db: Database) throws {
        let insert = try db.cachedStatement(sql: "INSERT INTO entry(position, body, checksum) VALUES (?, ?, ?)")
        for entry in entries where entry.position > deleteUpTo ?? 0 {
            try insert.execute(arguments: [
                entry.position, Row.blob(entry.body), Checksum.of(entry.position, entry.body),
            ])
        }
    }

    /// Every byte is checked: consensus on a damaged log could lose what was acknowledged.
    static func load(from db: Database) throws -> DevicePersistentState {
        guard let hardState = try Cell.hardState.read(from: db) else { throw RowError(reason: "it has no hard state") }
        guard let gate = try Cell.acceptedToken.read(from: db) else { throw RowError(reason: "it has no token") }
        let snapshot = try Cell.snapshot.read(from: db)
        let sql = "SELECT position, body, checksum FROM entry ORDER BY position"
        let entries = try Row.fetchAll(db, sql: sql).map { row in
            let position = try row.number(0)
            let body = try row.bytes(1)
            guard Checksum.of(position, body) == (try row.number(2)) else {
                throw RowError(reason: "log entry \(position) has a wrong checksum")
            }
            let entry = try decoding("log entry \(position)") { () throws(WireError) in
                try MeshCommandCodec.decodeEntry(body)
            }
            guard entry.index.number == UInt64(position) else {
                throw RowError(reason: "log entry \(position) is not in its place")
            }
            return entry
        }
        let raft = PersistentState<MeshCommand, MeshState>(
            hardState: try decoding("hard state") { () throws(WireError) in
                try MeshCommandCodec.decodeHardState(hardState)
            },
            snapshot: try snapshot.map { body in
                try decoding("snapshot") { () throws(WireError) in try MeshCommandCodec.decodeSnapshot(body) }
            },
            entries: entries)
        try check(raft)
        return DevicePersistentState(
            raft: raft,
            acceptedToken: try decoding("token") { () throws(WireError) in try MeshCommandCodec.decodeGate(gate) },
            stops: try Cell.stops.read(from: db).map { body in
                try decoding("stops") { () throws(WireError) in try MeshCommandCodec.decodeStops(body) }
            } ?? StopState(),
            isStray: try Cell.stray.read(from: db) == [1])
    }

    /// The log has no hole, begins no later than behind the snapshot, and its terms do not go back.
    private static func check(_ state: PersistentState<MeshCommand, MeshState>) throws {
        let snapshot = state.snapshot?.index ?? .zero
        guard let first = state.entries.first, let last = state.entries.last else { return }
        for (before, after) in zip(state.entries, state.entries.dropFirst()) {
            guard after.index == before.index.next, after.term >= before.term else {
                throw RowError(reason: "the log does not go on after entry \(before.index)")
            }
        }
        guard first.index <= snapshot.next, last.index >= snapshot, last.term <= state.hardState.term else {
            throw RowError(
                reason: "log \(first.index)...\(last.index), snapshot \(snapshot) and term do not fit together")
        }
    }

    private static func decoding<T>(_ what: String, _ body: () throws(WireError) -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw RowError(reason: "\(what): \(error.message)")
        }
    }
}
