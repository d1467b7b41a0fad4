import Glibc
import Primitives

/// What a person wants of a conflict.
package enum ConflictChoice: Hashable, Sendable {
    case ours
    case theirs
    /// The version that does not stand gets a file of its own, named after its device.
    case both(oursName: String, theirsName: String)
    case content([UInt8])
}

/// What settling a conflict did to the files here.
package struct ResolveResult: Hashable, Sendable {
    /// The file of the conflict was written.
    package var wasWritten = false
    /// The other version is there now.
    package var copy: [UInt8]?
    /// What stood there was neither version; it can be had back from the store.
    package var wasEdited = false
}

extension Workspace {
    /// Brings a person's choice in place. Nothing is lost: what stands there and is not known yet goes into the store
    /// first, under a ref of the conflict, and is replaced only if it is still that. The next round carries the result,
    /// as it does any edit.
    package func resolve(
        _ conflict: Conflict, _ choice: ConflictChoice
    ) async throws(WorkspaceError) -> ResolveResult {
        try await exclusively { workspace throws(WorkspaceError) in
            let live = try workspace.live(conflict)
            var result = ResolveResult()
            if let live, live != conflict.ours, live != conflict.theirs { result.wasEdited = true }
            var path = conflict.path
            let wanted: TreeEntry?
            switch choice {
            case .ours: wanted = conflict.ours
            case .theirs: wanted = conflict.theirs
            case .content(let bytes): wanted = try workspace.keep(bytes, like: live, for: conflict)
            case .both(let oursName, let theirsName):
                let isOursOut = live != nil && live == conflict.theirs
                wanted = isOursOut ? conflict.ours : conflict.theirs
                guard let wanted else { return result }
                path = try workspace.copyPath(conflict, wanted, isOursOut ? oursName : theirsName)
                result.copy = path
                // Where nothing stands any more, both come back.
                if live == nil, let ours = conflict.ours, workspace.isFree(conflict.path) {
                    try await workspace.put(ours, at: conflict.path, over: nil)
                    result.wasWritten = true
                }
            }
            guard let wanted else {
                if live == nil { try workspace.waitNoMore(conflict.path) }
                return result
            }
            let before = result.copy == nil ? live : try workspace.live(conflict, at: path)
            if before != wanted {
                try await workspace.put(wanted, at: path, over: before)
                if result.copy == nil { result.wasWritten = true }
            }
            try workspace.waitNoMore(conflict.path)
            return result
        }
    }

    private func put(_ entry: TreeEntry, at path: [UInt8], over old: TreeEntry?) async throws(WorkspaceError) {
        let report = try await place([PathChange(path: path, old: old, new: entry)])
        for path in report.applied { try waitNoMore(path) }
        let name = String(decoding: path, as: UTF8.self)
        if let blocked = report.blocked.first {
            throw .refused(
                "\(name) could not be written: \(blocked.reason)",
                hint: "make room for it, or keep both: baton conflicts resolve ID --take both")
        }
        guard report.applied.contains(path) else {
            throw .refused("\(name) is being written to at this moment", hint: "let the writer finish, then try again")
        }
    }

    /// What stands there was chosen, also where nothing had to be written: beside a published change that waits it is
    /// an edit now, for the next round.
    private func waitNoMore(_ path: [UInt8]) throws(WorkspaceError) {
        try checked { () throws(GitError) in try quarantine.set([], removing: [path]) }
    }

    /// What stands at the path of a conflict, in the store for sure; nil where there is no file.
    private func live(_ conflict: Conflict, at path: [UInt8]? = nil) throws(WorkspaceError) -> TreeEntry? {
        let path = path ?? conflict.path
        let name = String(decoding: path, as: UTF8.self)
        switch LiveVersion.look(root, path, digits: store.digits) {
        case .gone, .folder: return nil
        case .hot: throw .refused("\(name) keeps changing", hint: "let its writer finish, then try again")
        case .other:
            throw .refused("\(name) is no file or link, or cannot be read", hint: "move it away, then try again")
        case .version(let entry, let bytes):
            let isKnown = [conflict.ours, conflict.theirs, conflict.base].contains { $0?.blob == entry.blob }
            if !isKnown { _ = try keep(bytes, like: entry, for: conflict) }
            return entry
        }
    }

    /// Bytes under a ref of the conflict, as durable as its versions.
    private func keep(
        _ bytes: [UInt8], like entry: TreeEntry?, for conflict: Conflict
    ) throws(WorkspaceError) -> TreeEntry {
        try checked { () throws(GitError) in
            let batch = ObjectBatch(store)
            let id = try batch.add(.blob, bytes)
            let pin = try store.pin(conflict, and: [("kept-\(id.hex.prefix(12))", id)], in: batch)
            try batch.finish(refs: [pin].compactMap { $0 })
            return TreeEntry(mode: entry?.mode ?? TreeEntry.file, blob: id.hex)
        }
    }

    private func isFree(_ path: [UInt8]) -> Bool {
        if case .gone = LiveVersion.look(root, path, digits: store.digits) { true } else { false }
    }

    /// Where a version stands beside the file. The mark goes to the first name on the way that something else has: a
    /// file in the way of a folder, or the file itself.
    private func copyPath(
        _ conflict: Conflict, _ entry: TreeEntry, _ device: String
    ) throws(WorkspaceError) -> [UInt8] {
        var parts = conflict.path.split(separator: 47).map(Array.init)
        let marked = parts.indices.dropLast().first { place in
            let folder = Array(parts[...place].joined(separator: [47]))
            if case .version = LiveVersion.look(root, folder, digits: store.digits) { return true }
            return false
        }
        let place = marked ?? parts.count - 1
        let name = parts[place]
        for more in [nil, String(conflict.id.prefix(6)), conflict.id] {
            parts[place] = ConflictCopy.name(of: name, device: device, more: more)
            let path = Array(parts.joined(separator: [47]))
            switch LiveVersion.look(root, path, digits: store.digits) {
            case .gone: return path
            case .version(let there, _) where there.blob == entry.blob: return path
            case .version, .folder, .hot, .other: continue
            }
        }
        throw .refused(
            "there is a file of each name that its copy could have", hint: "take one version: baton conflicts show ID")
    }
}
