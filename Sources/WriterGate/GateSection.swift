import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `baton gate -- CMD`: runs `arguments` inside one section of the gate: not while it is closed, and a round waits for
/// its end (as long as it waits for anyone).
///
/// - Parameter wait: how long to wait for a closed gate; zero is `--no-wait`, nil the longest pause.
/// - Returns: the command's exit status; 75 if the gate stayed closed; 127 or 126 if it cannot be started. Without an
///   agent the command runs, with a warning.
package func runGated(arguments: [String], wait: Duration?, connect: @escaping GateConnector) async -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    let name = arguments.first?.split(separator: "/").last.map(String.init) ?? "command"
    guard let link = try? await connect(),
        (try? await link.call("gate.register", GateRegistration(name: name), as: GateRegistered.self)) != nil
    else {
        warn("the agent is not running: \(name) runs ungated (start it: baton up)")
        return await runToEnd(arguments)
    }
    let answering = Task { await answerPauses(link) }
    defer { answering.cancel() }
    let section: UInt64
    do {
        section = try await WriterEntrance.enter(link, wait: wait ?? Limits.pauseMax)
    } catch {
        warn("\(error)")
        await link.close()
        return (error as? GateFailure)?.code ?? GateFailure.tryAgainCode
    }
    let renewing = Task {
        while (try? await Task.sleep(for: Limits.gateSectionLifetime / 3)) != nil {
            await link.tell("gate.renew", GateSectionBody(section: section))
        }
    }
    let status = await runToEnd(arguments)
    renewing.cancel()
    await link.tell("gate.leave", GateSectionBody(section: section))
    await link.close()
    return status
}

/// Answers each pause at once: outside of our section we write nothing, and inside it the agent waits for its end.
private func answerPauses(_ link: any GateLink) async {
    while let notice = await link.nextNotice() {
        guard notice.kind == "gate.pause", let body = try? GateJSON.decode(GatePauseBody.self, notice.body) else {
            continue
        }
        await link.tell("gate.paused", GatePauseBody(pause: body.pause))
    }
}

/// The command shares our process group, so that a terminal's signals reach it; TERM and HUP are passed on.
private func runToEnd(_ arguments: [String]) async -> Int32 {
    let heard = SignalRelay.heard(of: [SIGTERM, SIGHUP, SIGINT, SIGQUIT])
    do {
        let child = try ChildProcess.start(arguments, .groupOfCaller, defaults: heard)
        let relay = SignalRelay(heard) { if $0 == SIGTERM || $0 == SIGHUP { kill(child.pid, $0) } }
        defer { relay.stop() }
        var status: Int32 = 1
        for await change in child.changes {
            if case .ended(let code) = change { status = code }
        }
        child.reap()
        return status
    } catch {
        warn("\(error)")
        return error.code
    }
}
