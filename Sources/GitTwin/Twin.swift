import GitWorkspace
import Primitives
import Simulation

/// Two facts that clash: what real git did, and what the model says.
struct Difference: Error {
    var real: String
    var model: String
}

/// The real repositories of one run. Used by one thread.
final class Twin {
    let folder: String
    let compares: Bool
    let flaw: TwinFlaw?
    var counts = TwinCounts()
    var devices: [TwinDevice] = []
    /// The commits behind the model's numbers.
    var commits: [Int: Revision] = [:]
    /// Which device captured a revision, for those that are captures.
    var capturedBy: [Int: DeviceID] = [:]
    private var folders = 0

    /// One device's store, and where its refs are to be.
    struct TwinDevice {
        var store: RoundStore
        var state: String
        var refs = RoundStore.Refs()
    }

    init(devices count: Int, compares: Bool, flaw: TwinFlaw?) throws(GitError) {
        folder = try RoundStore.temporaryFolder()
        self.compares = compares
        self.flaw = flaw
        do throws(GitError) {
            for node in 0..<count { devices.append(try newDevice(DeviceID(number: UInt64(node + 1)))) }
        } catch {
            remove()
            throw error
        }
    }

    func newDevice(_ id: DeviceID) throws(GitError) -> TwinDevice {
        folders += 1
        let state = "\(folder)/\(folders)"
        return TwinDevice(store: try RoundStore.open(state: state, device: id), state: state)
    }

    /// Also after a difference.
    func remove() {
        for device in devices { device.store.close() }
        RoundStore.removeFolder(folder)
    }

    // MARK: Events

    /// Does with real git what happened in the model.
    func play(_ event: GitEvent, _ world: World) -> Difference? {
        do {
            try step(event, world)
            try checkRefs(event.node)
            return nil
        } catch let found as Difference {
            return found
        } catch let error as GitError {
            return Difference(
                real: "real git of device \(event.node + 1) refuses: \(error.message), \(error.meaning)",
                model: "the model says it works: \(event.what)")
        } catch {
            return Difference(real: "\(error)", model: "the model says it works: \(event.what)")
        }
    }

    /// After the run: every store is whole, as git itself sees it.
    func lastLook() -> Difference? {
        for node in devices.indices {
            do {
                try checkRefs(node)
                if let complaint = try devices[node].store.complaint() {
                    return Difference(
                        real: "git fsck finds the store of device \(node + 1) damaged: \(complaint)",
                        model: "the model has all its objects")
                }
            } catch let found as Difference {
                return found
            } catch {
                return Difference(real: "device \(node + 1): \(error)", model: "the run is over without a fault of git")
            }
        }
        return nil
    }

    // MARK: Comparing

    func commit(_ number: Int) throws(Difference) -> Revision {
        guard let commit = commits[number] else {
            throw Difference(real: "no commit was ever made for revision \(number)", model: "a device works with it")
        }
        return commit
    }

    /// The refs on disk are where this run put them.
    private func checkRefs(_ node: Int) throws {
        let found = try devices[node].store.refs()
        let wanted = devices[node].refs
        if found == wanted { return }
        throw Difference(
            real: "the refs of device \(node + 1) are \(Self.text(found))",
            model: "they are to be \(Self.text(wanted))")
    }

    private static func text(_ refs: RoundStore.Refs) -> String {
        "main \(refs.main?.short ?? "-"), base \(refs.base?.short ?? "-"), capture \(refs.capture?.short ?? "-")"
    }

    /// The tree of the commit, file by file, is the model's tree.
    func checkTree(_ node: Int, _ number: Int, _ versions: [UInt32], _ doing: String) throws {
        guard compares else { return }
        let found = try devices[node].store.files(of: commit(number))
        let wanted = TwinFiles.files(versions)
        if found == wanted { return }
        let odd = (found + wanted).sorted { $0.path < $1.path }
            .first { !found.contains($0) || !wanted.contains($0) }
        let path = odd?.path ?? "?"
        throw Difference(
            real: "\(doing), device \(node + 1) has \(TwinFiles.text(path, in: found)) in \(path) of the real tree",
            model: "revision \(number) of the model has \(TwinFiles.text(path, in: wanted)) there")
    }
}
