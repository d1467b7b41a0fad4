/// A path that a filter leaves out on this device, and the rule that says so.
package struct LeftOutPath: Hashable, Sendable {
    package var path: [UInt8]
    /// Everything in it is left out.
    package var isFolder: Bool
    package var rule: String
}

extension Workspace {
    package var filter: PathFilter { manifest.filter }

    /// What is left out from now on. Paths that come back in count as made from what they were when they went out.
    /// - Returns: true if the base moved: the device is not at the head then.
    @discardableResult
    package func setFilter(_ filter: PathFilter) async throws(WorkspaceError) -> Bool {
        try await exclusively { workspace throws(WorkspaceError) in
            if workspace.manifest.filter != filter {
                workspace.manifest.setFilter(filter)
                workspace.staged = nil
                workspace.scope.addEverything()
            }
            // Also with the filter that a workspace is opened with: another may have ended while nobody ran.
            return try workspace.checked { () throws(GitError) in try workspace.bringBackIn() }
        }
    }

    /// Paths that were kept from the disk and are not any more.
    private func bringBackIn() throws(GitError) -> Bool {
        let back = keptHere.paths.filter { !manifest.filter.leavesOut($0) }
        guard !back.isEmpty, let base else { return false }
        let tree = try store.tree(of: base)
        var lines: [TreeLine] = []
        for path in back {
            let old = try stored(keptHere.versions[Name(path)].flatMap { $0 })
            let now = try store.entry(tree, path)
            if now != old { lines.append(TreeLine(path: path, old: now, new: old)) }
        }
        if !lines.isEmpty { try setBase(base, kept: lines) }
        try keptHere.forget(back)
        return !lines.isEmpty
    }

    /// What filters leave out here, in order: what the last scan saw, and what is published.
    package func leftOut(limit: Int) -> (count: Int, paths: [LeftOutPath]) {
        var found: [LeftOutPath] = []
        var count = 0
        manifest.root.visitLeftOut([]) { path, isFolder in
            count += 1
            if found.count < limit, let rule = manifest.filter.rule(for: path, isFolder: isFolder) {
                found.append(LeftOutPath(path: path, isFolder: isFolder, rule: rule))
            }
        }
        return (count, found.sorted { $0.path.lexicographicallyPrecedes($1.path) })
    }
}

extension Manifest {
    /// Marks what the filter leaves out, of everything that is known.
    func setFilter(_ filter: PathFilter) {
        self.filter = filter
        root.mark(filter, [])
        // What is included may have been ignored.
        root.forgetIgnored()
    }
}

extension Folder {
    fileprivate func mark(_ filter: PathFilter, _ path: [UInt8]) {
        leftOut = []
        for name in files.keys where filter.leavesOut(Self.join(path, name)) { leftOut.insert(name) }
        for (name, folder) in folders {
            let child = Self.join(path, name)
            if filter.leavesOut(child, isFolder: true), !filter.mayIncludeBelow(child) { leftOut.insert(name) }
            folder.mark(filter, child)
        }
    }

    /// Each file and folder that is left out, and none below such a folder.
    fileprivate func visitLeftOut(_ path: [UInt8], _ body: ([UInt8], _ isFolder: Bool) -> Void) {
        for name in leftOut {
            body(Self.join(path, name), folders[name] != nil || leftOutFolders.contains(name))
        }
        for (name, folder) in folders where !leftOut.contains(name) { folder.visitLeftOut(Self.join(path, name), body) }
    }

    /// Forgets names that are neither there nor known.
    func forgetLeftOut(except there: [Name]) {
        let there = Set(there)
        leftOut = leftOut.filter { there.contains($0) || files[$0] != nil || folders[$0] != nil }
        leftOutFolders.formIntersection(leftOut)
    }

    static func join(_ path: [UInt8], _ name: Name) -> [UInt8] {
        path.isEmpty ? name.bytes : path + [47] + name.bytes
    }
}
