import Glibc
import Primitives

extension Workspace {
    /// What is held back from now on. Paths that were let through stay so.
    package func setGates(_ gates: CaptureGates) {
        var gates = gates
        gates.allowed.formUnion(self.gates.allowed)
        if gates != self.gates { scope.addEverything() }
        self.gates = gates
    }

    /// What some member of the mesh cannot hold.
    package func setNameLimits(_ limits: NameLimits) {
        var gates = gates
        gates.names = limits
        setGates(gates)
    }

    /// What this device's own disk cannot hold.
    package nonisolated var ownNameLimits: NameLimits { NameLimits.probe(applier.place.path) }

    /// Lets held paths through, with the next capture and from then on; remembered over restarts.
    package func allow(_ paths: [[UInt8]]) async throws(WorkspaceError) {
        try await exclusively { workspace throws(WorkspaceError) in
            workspace.gates.allowed.formUnion(paths)
            let sorted = workspace.gates.allowed.sorted { $0.lexicographicallyPrecedes($1) }
            try workspace.checked { () throws(GitError) in
                try DurableFile.write(sorted.flatMap { $0 + [0] }, to: workspace.state + "/allowed")
            }
        }
    }

    package var allowed: [[UInt8]] { gates.allowed.sorted { $0.lexicographicallyPrecedes($1) } }

    static func loadGates(_ state: String) -> CaptureGates {
        var gates = CaptureGates()
        for path in (DurableFile.read(state + "/allowed") ?? []).split(separator: 0) {
            gates.allowed.insert(Array(path))
        }
        return gates
    }

    /// Learns what a sparse checkout keeps off the disk, when the user's index is another than at the last look.
    func lookAtSparse() async throws(WorkspaceError) {
        guard access(repository.gitDirectory + "/info/sparse-checkout", F_OK) == 0 else {
            sparse = SparsePaths()
            return
        }
        var raw = stat()
        let stamp = stat(repository.gitDirectory + "/index", &raw) == 0 ? Stamp(raw) : nil
        if sparse.stamp == stamp, stamp != nil { return }
        do throws(GitError) {
            sparse = SparsePaths(stamp: stamp, names: Set(try await repository.skippedPaths().map { Name($0) }))
        } catch { throw .git(error) }
    }
}

/// What a sparse checkout keeps off the disk: absent, and not deleted.
struct SparsePaths {
    /// Of the index that said so.
    var stamp: Stamp?
    var names: Set<Name> = []
}
