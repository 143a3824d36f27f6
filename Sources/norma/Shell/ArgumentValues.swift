public import ArgumentParser
public import NormaCore
public import NormaNorms
public import NormaTerminal

extension ColorChoice: ExpressibleByArgument {}
extension Mode: ExpressibleByArgument {}
extension ExecutorChoice: ExpressibleByArgument {}
