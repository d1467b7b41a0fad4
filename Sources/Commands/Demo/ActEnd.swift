import AgentRuntime
import ControlSocket
import Primitives

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Demo {
    /// What a user sees on each device.
    func showStatus() async throws {
        narrator.title("baton status, on each")
        for device in place.devices {
            try await eventually("\(device.name) is healthy, between two rounds") {
                let report = try await status(of: device)
                let isAtRest = report.devices.allSatisfy { $0.writers.paused == 0 && $0.writers.active == 1 }
                return report.health == "healthy" && report.mesh.online == place.devices.count && isAtRest
            }
            narrator.type("BATON_HOME=\(device.home) baton status")
            narrator.quote(try await baton(["status"], on: device).output.trimmed)
        }
    }

    /// Writers, agents and files go, in this order, and nothing is left; or the mesh stays, for the user to play with.
    func end() async throws {
        narrator.title("A clean end")
        try await compareTrees()
        var complaints = ""
        for device in place.devices {
            complaints += try await tool(["git", "-C", device.workspace, "fsck", "--no-progress", "--no-dangling"])
                .output
        }
        try narrator.claim("git fsck has nothing to say about any of them", if: complaints.isEmpty, else: complaints)
        guard !options.keep else { return sayHowToPlay() }
        narrator.type("baton down")
        for device in place.devices.reversed() {
            let watch = Stopwatch()
            try await baton(["down"], on: device)
            let pid = agents.removeValue(forKey: device.name) ?? 0
            clients[device.name] = nil
            try narrator.claim(
                "\(device.name) stopped in order, \(watch.elapsed.shown)", if: !Detached.isRunning(pid),
                else: "process \(pid) is still there")
        }
        let left = processesLeft()
        let locks = place.lockFiles
        try narrator.claim(
            "no process and no lock file is left", if: left.isEmpty && locks.isEmpty,
            else: "processes \(left), files \(locks)")
        place.remove()
        try narrator.claim("\(place.root) is removed", if: place.isRemoved, else: "it is still there")
        narrator.plain("\nEverything shown was checked: \(narrator.claims) claims in \(narrator.elapsed.shown).")
    }

    private func sayHowToPlay() {
        let bin = program.split(separator: "/").dropLast().joined(separator: "/")
        let nas = place.devices[2]
        narrator.plain(
            """

            Everything shown was checked: \(narrator.claims) claims in \(narrator.elapsed.shown).
            The mesh stays. Play with it:

              export PATH="/\(bin):$PATH"; cd \(place.root)
              BATON_HOME=$PWD/laptop/home baton status --watch
              echo hello >> desktop/work/hello.md; sleep 3; cat laptop/work/hello.md
              BATON_HOME=$PWD/nas/home baton run --name clock -- \\
                  sh -c 'while date >> \(nas.workspace)/clock.md; do sleep 1; done'
              BATON_HOME=$PWD/laptop/home baton log
              BATON_HOME=$PWD/desktop/home baton handoff

            and end it:

              for d in laptop desktop nas; do BATON_HOME=$PWD/$d/home baton down; done; cd /; rm -r \(place.root)
            """)
    }

    /// Ends whatever runs, at once; for every way out but the good one.
    func endEverything() async {
        for (_, writer) in writers { kill(writer.wrapper.pid, SIGTERM) }
        for (_, writer) in writers {
            if (try? await writer.wrapper.end(within: .seconds(2))) == nil, let shell = writer.shell {
                kill(-shell, SIGKILL)
            }
        }
        for (_, pid) in agents { kill(pid, SIGKILL) }
        for _ in 0..<200 {
            let left = processesLeft()
            if left.isEmpty { return }
            for pid in left { kill(pid, SIGKILL) }
            // Not cancelled: nobody holds this task.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Processes that have our directory in their arguments or environment.
    nonisolated func processesLeft() -> [Int32] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int32($0) } ?? []
        let wanted = Array(place.root.utf8)
        return numbers.filter { pid in
            guard pid != getpid(), Detached.isRunning(pid) else { return false }
            return ["cmdline", "environ"].contains { file in
                Array(Detached.text(of: "/proc/\(pid)/\(file)", from: 0).utf8).contains(wanted)
            }
        }
    }
}
