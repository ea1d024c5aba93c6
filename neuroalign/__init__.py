"""Does a single unit of this model explain a single neuron?"""
