#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The directory that a path lies in, as it was found.
enum ParentDirectory {
    case open(Descriptor)
    case missing
    case blocked(BlockReason)
}

extension PathExchange {
    /// Opens a directory below the root without following a link; anew for each path, so that a directory that was
    /// moved away is not written to.
    /// - Parameter making: makes what is missing, one component at a time.
    func openParent(_ path: [UInt8], making: Bool) throws(ApplyError) -> ParentDirectory {
        let found = open(path)
        guard case .missing = found, making, !path.isEmpty else { return found }
        let (parentPath, leaf) = Self.split(path)
        let above = try openParent(parentPath, making: true)
        guard case .open(let parent) = above else { return above }
        try applier.onStep("make the directory \(String(decoding: path, as: UTF8.self))")
        do throws(CallFailure) { try FileCalls.makeDirectory(parent, leaf) } catch {
            if error.code != EEXIST { return .blocked(.system(error.code)) }
        }
        return open(path)
    }

    private func open(_ path: [UInt8]) -> ParentDirectory {
        do throws(CallFailure) {
            let native = applier.capabilities.openBeneath
            return .open(try FileCalls.openBeneath(applier.rootDirectory, path, native: native))
        } catch {
            return switch error.code {
            case ENOENT: .missing
            case ELOOP, EXDEV: .blocked(.linkInTheWay)
            case ENOTDIR: .blocked(.parentIsNoDirectory)
            default: .blocked(.system(error.code))
            }
        }
    }
}
