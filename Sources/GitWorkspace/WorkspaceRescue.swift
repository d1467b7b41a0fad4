import CSystemCalls
import Glibc
import Primitives

/// Bytes of a writer that fell between two exchanges: they are in no file of the workspace, and in no capture. Each
/// such file becomes a capture of its own, over the base: the history of its path lists it, and it can be brought
/// back.
extension Workspace {
    /// Takes a rescued file into the store; then it goes, unless somebody has it open for writing still. What cannot be
    /// taken now stays where it is, for the next sweep.
    func keepRescued(_ rescued: RescuedFile) {
        do throws(GitError) {
            guard let stamp = try capture(rescued) else {
                logger.notice("a rescued file is still written to", metadata: ["file": "\(rescued.file)"])
                return
            }
            rescuedStamps[rescued.file] = stamp
            try DiskStep.before("remove rescued", rescued.file)
            guard isAtRest(rescued.file, stamp) else { return }
            unlink(rescued.file)
            unlink(rescued.noteFile)
            rescuedStamps[rescued.file] = nil
        } catch {
            logger.warning(
                "a rescued file stays where it is", metadata: ["file": "\(rescued.file)", "reason": "\(error)"])
        }
    }

    /// What a crash, or a writer that did not let go, left of them.
    func sweepRescued() {
        let names = DurableFile.names(in: applier.rescuePath)
        for name in names where !name.hasSuffix(RescuedFile.noteSuffix) {
            keepRescued(RescuedFile(at: "\(applier.rescuePath)/\(name)"))
        }
        let left = Set(DurableFile.names(in: applier.rescuePath))
        for note in left where note.hasSuffix(RescuedFile.noteSuffix) {
            if !left.contains(String(note.dropLast(RescuedFile.noteSuffix.count))) {
                unlink("\(applier.rescuePath)/\(note)")
            }
        }
    }

    /// - Returns: of the file whose bytes are in the store for sure; nil if they move.
    private func capture(_ rescued: RescuedFile) throws(GitError) -> Stamp? {
        let name = rescued.file.split(separator: "/").last.map { Array($0.utf8) } ?? []
        let folder = Glibc.open(applier.rescuePath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw DurableFile.failure(applier.rescuePath) }
        defer { Glibc.close(folder) }
        var raw = stat()
        guard lstat(rescued.file, &raw) == 0 else { throw DurableFile.failure(rescued.file) }
        if rescuedStamps[rescued.file] == Stamp(raw) { return Stamp(raw) }
        let reader = StableRead(root: folder, path: name)
        for attempt in 0..<StableRead.attempts {
            // It was moved just now, and a write in the same instant would not show.
            usleep(useconds_t(5000 << (2 * attempt)))
            let batch = ObjectBatch(store)
            let (outcome, id) = try reader.take(isLink: Stamp(raw).isLink, batch)
            switch outcome {
            case .read(let stamp, let isTrusted):
                guard isTrusted else { continue }
                let version = Version(mode: stamp.treeMode, id: id)
                // What was captured before it was taken out is no news.
                if version.entry != rescued.old { try keep(version, at: rescued.path, batch) }
                return stamp
            case .hot: continue
            case .gone, .special: throw .damaged("\(rescued.file) is no file that can be read")
            case .unreadable(let code): throw DurableFile.failure(rescued.file, code)
            }
        }
        return nil
    }

    /// A capture of one path, under a ref that ages like those of other captures that no round published.
    private func keep(_ version: Version, at path: [UInt8], _ batch: ObjectBatch) throws(GitError) {
        let tree = try TreeEdit(batch: batch).apply([TreeLine(path: path, new: version)], to: store.tree(of: base))
        let capture = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: [base].compactMap { $0 }, author: name, email: "\(device.short)@baton",
                seconds: Int64(time(nil)),
                message: "Rescue 1 file on \(name.filter { !$0.isNewline })\n\nBaton-Device: \(device)\n"))
        let id = ObjectID(capture)
        try batch.finish(refs: [RefChange(name: RefName.capture(id), new: id)])
        logger.notice(
            "bytes that were written while a file was replaced are kept",
            metadata: ["path": "\(String(decoding: path, as: UTF8.self))", "capture": "\(capture.short)"])
    }

    /// True if nobody has the file open for writing, and it is what was read. A child that is just being started holds
    /// every file for an instant, so a "no" is asked again before it is believed.
    private func isAtRest(_ file: String, _ stamp: Stamp) -> Bool {
        var raw = stat()
        if stamp.isLink { return lstat(file, &raw) == 0 && Stamp(raw) == stamp }
        let descriptor = Glibc.open(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        // Closing lets the lease go.
        defer { Glibc.close(descriptor) }
        for _ in 0..<Limits.busyLooks {
            if csystem_take_read_lease(descriptor) == 0 || errno != EAGAIN {
                return fstat(descriptor, &raw) == 0 && Stamp(raw) == stamp
            }
            usleep(1000)
        }
        return false
    }
}

extension StableRead {
    /// The bytes go into the batch: large files by way of git, and are never whole in memory.
    fileprivate func take(isLink: Bool, _ batch: ObjectBatch) throws(GitError) -> (Outcome, ObjectID) {
        if isLink {
            let (outcome, target) = link()
            return (outcome, try batch.add(.blob, target))
        }
        var bytes: [UInt8] = []
        var large: (objects: ObjectImport, mark: Int)?
        let outcome = try file { size throws(GitError) in
            guard size > FileReading.smallBytes else { return }
            let objects = try ObjectImport(batch.store)
            large = (objects, try objects.beginBlob(size: size))
        } piece: { piece throws(GitError) in
            if let large { try large.objects.append(piece) } else { bytes.append(contentsOf: piece) }
        }
        guard let large else { return (outcome, try batch.add(.blob, bytes)) }
        try large.objects.endBlob()
        let ids = try large.objects.ids([large.mark])
        try large.objects.finish()
        return (outcome, ids[0])
    }
}
