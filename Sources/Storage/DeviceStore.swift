import DeviceCore
import GRDB
import Primitives
import Synchronization
import WireProtocol

/// One device's database. One agent uses it at a time; every call is synchronous and returns when the disk has it.
package final class DeviceStore: Sendable {
    package let path: String
    package let device: DeviceID
    package let mesh: StoredMesh
    let connection: Connection
    private let lock: FileLock
    /// The first error of `persist`: after it the device's memory is ahead of its disk, and nothing more is accepted.
    private let broken = Mutex<StoreError?>(nil)

    private init(path: String, device: DeviceID, mesh: StoredMesh, connection: Connection, lock: FileLock) {
        self.path = path
        self.device = device
        self.mesh = mesh
        self.connection = connection
        self.lock = lock
    }

    /// Makes a database whole or not at all: it is built beside `path` and gets its name last.
    package static func create(
        at path: String, device: DeviceID, mesh: StoredMesh, initial: DevicePersistentState
    ) throws(StoreError) {
        guard !Files.exists(path) else { throw .exists(path) }
        let lock = try FileLock(path: path + ".lock", owner: path)
        defer { lock.release() }
        let rows = try ConsensusRows(initial)
        let temporary = path + ".new"
        for suffix in ["", "-wal", "-shm", "-journal"] { Files.remove(temporary + suffix) }
        do throws(StoreError) {
            try Files.makePrivate(temporary, for: path)
            let connection = try Connection(creating: temporary, named: path)
            try connection.write { db in
                for statement in Schema.statements { try db.execute(sql: statement) }
                try mesh.insert(device: device, into: db)
                try Cell.incarnation.write([UInt8](repeating: 0, count: 8), to: db)
                try rows.write(to: db)
                try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
                try db.execute(sql: "PRAGMA user_version = \(Schema.version)")
            }
            // Closing moves everything from the write-ahead log into the file.
            try connection.close()
            try Files.publish(temporary, as: path)
        } catch {
            for suffix in ["", "-wal", "-shm", "-journal"] { Files.remove(temporary + suffix) }
            throw error
        }
    }

    /// Opens what `create` made for this device. A file that is not that, or is damaged, is refused and left as it is.
    package static func open(at path: String, device: DeviceID) throws(StoreError) -> DeviceStore {
        guard let header = try Files.head(of: path, bytes: Schema.headerBytes) else {
            throw StoreError(
                .missing, "there is no database at \(path)", hint: "run baton init or baton join, or set BATON_HOME")
        }
        try Schema.check(header: header, path: path)
        let lock = try FileLock(path: path + ".lock", owner: path)
        do throws(StoreError) {
            let stored = try Connection.examine(path) { db in
                _ = try ConsensusRows.load(from: db)
                return try StoredMesh.fetch(from: db)
            }
            guard stored.device == device else {
                throw StoreError(
                    .otherDevice,
                    "the database \(path) belongs to device \(stored.device.short), not to \(device.short)",
                    hint: "key and database must come from the same device: restore both from one backup")
            }
            let connection = try Connection(opening: path)
            try connection.write { db in try Schema.upgrade(db) }
            return DeviceStore(path: path, device: device, mesh: stored.mesh, connection: connection, lock: lock)
        } catch {
            lock.release()
            throw error
        }
    }

    /// Ends the use of the database; later calls fail. Without it the last reference does the same.
    package func close() {
        broken.withLock { $0 = $0 ?? StoreError(.failed, "the database is closed", hint: "open it again") }
        connection.shut()
        lock.release()
    }
}

// MARK: - Consensus

extension DeviceStore {
    package func load() throws(StoreError) -> DevicePersistentState {
        try connection.read { db in try ConsensusRows.load(from: db) }
    }

    /// Counts the starts of the agent, durably.
    package func nextIncarnation() throws(StoreError) -> UInt64 {
        try connection.write { db in
            guard let body = try Cell.incarnation.read(from: db), body.count == 8 else {
                throw RowError(reason: "the count of starts is missing")
            }
            let number = body.reduce(0) { $0 << 8 | UInt64($1) } + 1
            try Cell.incarnation.write((0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }, to: db)
            return number
        }
    }

    /// One transaction, durable on return. After an error nothing more is accepted: the caller must end and start again
    /// from `load`, because its memory is ahead of its disk.
    package func persist(_ update: DeviceUpdate) throws(StoreError) {
        if update.isEmpty { return }
        if let error = broken.withLock({ $0 }) { throw error }
        do throws(StoreError) {
            let rows = try ConsensusRows(update)
            try connection.write { db in try rows.write(to: db) }
        } catch {
            broken.withLock { $0 = $0 ?? error }
            throw error
        }
    }
}

// MARK: - Small values

extension DeviceStore {
    /// A value of the agent's own (addresses, the invite book); nil if it was never set.
    package func value(_ name: String) throws(StoreError) -> [UInt8]? {
        try connection.read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT bytes FROM value WHERE name = ?", arguments: [name])
            else {
                return nil
            }
            return try row.bytes(0)
        }
    }

    /// Durable on return; nil removes the value.
    package func setValue(_ name: String, to bytes: [UInt8]?) throws(StoreError) {
        guard let bytes else {
            return try connection.write { db in
                try db.execute(sql: "DELETE FROM value WHERE name = ?", arguments: [name])
            }
        }
        guard bytes.count <= Limits.storedValueBytes else {
            throw StoreError(
                .failed, "the value \(name) has \(bytes.count) bytes; \(Limits.storedValueBytes) are allowed",
                hint: "this is a fault of baton: report it")
        }
        try connection.write { db in
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO value(name, bytes) VALUES (?, ?)")
                .execute(arguments: [name, Row.blob(bytes)])
        }
    }
}

// MARK: - The row of the mesh

extension StoredMesh {
    fileprivate func insert(device: DeviceID, into db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO mesh(one, device, mesh, workspace, name, profile, branch, checksum)
                VALUES (1, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Row.blob(device.digest.bytes), Row.blob(mesh.digest.bytes), workspace, name, profile, branch,
                checksum(device),
            ])
    }

    fileprivate static func fetch(from db: Database) throws -> (device: DeviceID, mesh: StoredMesh) {
        let sql = "SELECT device, mesh, workspace, name, profile, branch, checksum FROM mesh"
        guard let row = try Row.fetchOne(db, sql: sql) else { throw RowError(reason: "it names no mesh") }
        guard let device = Digest(bytes: try row.bytes(0)), let mesh = Digest(bytes: try row.bytes(1)) else {
            throw RowError(reason: "the ids of device and mesh are not readable")
        }
        let stored = StoredMesh(
            mesh: MeshID(mesh), workspace: try row.text(2), name: try row.text(3), profile: try row.text(4),
            branch: try row.text(5))
        guard stored.checksum(DeviceID(device)) == (try row.number(6)) else {
            throw RowError(reason: "the row of the mesh has a wrong checksum")
        }
        return (DeviceID(device), stored)
    }

    private func checksum(_ device: DeviceID) -> Int64 {
        var bytes = device.digest.bytes + mesh.digest.bytes
        for text in [workspace, name, profile, branch] { bytes += Array(text.utf8) + [0] }
        return Checksum.of(0, bytes)
    }
}
