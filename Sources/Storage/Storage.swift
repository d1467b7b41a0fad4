import Primitives

// Storage: one SQLite database per device - Raft's log and hard state, the snapshot, the highest accepted token, the
// round journal, the audit and small values of the agent. What `persist` returned from survives any crash.
// Never: decide what is true; repair; start afresh where a database is damaged, foreign or missing.
// Start with DeviceStore.swift, then Schema.swift.

/// An operation on the database that did not happen.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case missing, exists, corrupt, foreign, otherDevice, newerSchema, inUse, full, notWritable, failed
    }

    package var kind: Kind
    package var message: String
    package var hint: String

    package init(_ kind: Kind, _ message: String, hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message); \(hint)" }
}

/// What a database belongs to: written once, when it is created.
package struct StoredMesh: Hashable, Sendable {
    package var mesh: MeshID
    /// The absolute path of the workspace.
    package var workspace: String
    package var name: String
    /// The name of the timing profile (`lan`, `wan`).
    package var profile: String
    package var branch: String

    package init(mesh: MeshID, workspace: String, name: String, profile: String, branch: String) {
        self.mesh = mesh
        self.workspace = workspace
        self.name = name
        self.profile = profile
        self.branch = branch
    }
}

extension StoreError {
    static func corrupt(_ path: String, _ reason: String) -> StoreError {
        StoreError(
            .corrupt, "the database \(path) is damaged: \(reason)",
            hint: "do not delete it: restore it from a backup, or remove this device from the mesh and join again")
    }

    static func foreign(_ path: String) -> StoreError {
        StoreError(.foreign, "\(path) is no database of baton", hint: "set BATON_HOME to the right directory")
    }

    static func notWritable(_ path: String, _ reason: String) -> StoreError {
        StoreError(
            .notWritable, "the database \(path) cannot be written: \(reason)",
            hint: "check owner, permissions and mount of its directory")
    }

    static func full(_ path: String) -> StoreError {
        StoreError(.full, "no space left for the database \(path)", hint: "free disk space, then run: baton up")
    }
}
